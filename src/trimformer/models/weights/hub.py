"""Pretrained weights by their names on the Hugging Face hub, where timm keeps its own as well."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
from huggingface_hub import constants, get_session, hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

from trimformer.records.errors import UserError

TIMEOUT_SECONDS = 10

FILES = ("model.safetensors", "pytorch_model.bin")

IMAGENET21K = {
    ("vit", "base"): "vit_base_patch16_224.orig_in21k",
    ("vit", "small"): "vit_small_patch16_224.augreg_in21k",
    ("vit", "tiny"): "vit_tiny_patch16_224.augreg_in21k",
    ("hybrid", "base"): "vit_base_r50_s16_224.orig_in21k",
}
"""What `weights = "imagenet21k"` means, by kind of transformer and size; the R50 hybrid was published at base only."""


@dataclass(frozen=True)
class HubFile:
    """A file of the hub in the local cache."""

    path: Path
    origin: str
    """Repository, revision and file: enough to fetch the same bytes again."""


def pretrained_names(settings: Mapping[str, Any]) -> dict[str, str]:
    """What `weights = "imagenet21k"` fetches for a model with these settings: hub names by part; none is empty.

    A CATS trunk comes from the weights that timm holds best for its name, which are of ImageNet-1k for most.
    """
    kind = {"unetr": "vit", "cats": "vit", "transunet": "hybrid"}.get(settings.get("name") or "")
    name = IMAGENET21K.get((kind or "", settings.get("size") or ""))
    if name is None or (kind == "hybrid" and settings["patch_size"] != 16):
        return {}
    names = {"transformer": hub_id(name)}
    if settings["name"] == "cats":
        names["trunk"] = hub_id(settings["trunk"])
    return names


def hub_id(name: str) -> str:
    """The hub's `owner/name` of a timm model, or of what is already one.

    Raises:
        UserError: timm has no such model, or no weights for it.
    """
    name = name.removeprefix("hf_hub:").removeprefix("hf-hub:")
    if "/" in name:
        return name
    try:
        found = timm.get_pretrained_cfg(name)
    except RuntimeError:  # timm's word for a name or a tag that it does not know
        found = None
    if found is None or not found.hf_hub_id:
        raise UserError(
            "Weights are none, imagenet21k, a file, a run folder, or the name of pretrained weights on the hub",
            repr(name),
            "Check the path, or give a name that timm.list_pretrained() lists.",
        )
    return str(found.hf_hub_id)


def fetch(name: str) -> HubFile:
    """The weights file of a hub name, from the local cache where it is there.

    Args:
        name: A timm name (`vit_base_patch16_224.orig_in21k`) or `owner/name` of the hub.

    Raises:
        UserError: The name is unknown, or the hub cannot be reached.
    """
    repository = hub_id(name)
    for file in FILES:
        try:
            path = _cached(repository, file) or _downloaded(repository, file)
        except LocalEntryNotFoundError as error:
            raise _unreachable(repository, error) from None
        except RepositoryNotFoundError:
            raise UserError("The hub must have the weights", repository, "Check the name.") from None
        except EntryNotFoundError:
            continue
        except (HfHubHTTPError, OSError) as error:
            raise _unreachable(repository, error) from None
        return HubFile(Path(path), f"{repository}@{Path(path).parent.name}/{file}")
    raise UserError(f"A repository of weights holds {' or '.join(FILES)}", repository, "Choose other weights.")


def _cached(repository: str, file: str) -> str | None:
    try:
        return hf_hub_download(repository, file, local_files_only=True)
    except LocalEntryNotFoundError:
        return None


def _downloaded(repository: str, file: str) -> str:
    endpoint = os.environ.get("HF_ENDPOINT", constants.ENDPOINT)
    _reach(endpoint, repository)
    return hf_hub_download(repository, file, endpoint=endpoint)


def _reach(endpoint: str, repository: str) -> None:
    """Ask once whether the hub is there: a download would ask for half a minute before it gives up."""
    try:
        get_session().head(endpoint, timeout=TIMEOUT_SECONDS)
    except Exception as error:  # of whichever HTTP library huggingface_hub uses
        raise _unreachable(repository, error) from None


def _unreachable(repository: str, error: Exception) -> UserError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return UserError(
        "Pretrained weights come from the Hugging Face hub, which must be reachable the first time",
        f"{repository}: {reason}",
        f"Download {FILES[0]} from https://huggingface.co/{repository} elsewhere and give the file: "
        f'weights = "path/to/{FILES[0]}" (an original .npz or a .pth does as well), or set weights = "none".',
    )
