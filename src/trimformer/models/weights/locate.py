"""From what a setting says to a file on this machine: a path, a run folder, or a name on the hub."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimformer.models.sizes import SIZES
from trimformer.models.trunks import narrowed
from trimformer.models.weights.files import READERS
from trimformer.models.weights.hub import fetch, hub_id, pretrained_names
from trimformer.records.errors import UserError
from trimformer.records.run_folder import RunFolder

IMAGENET21K = "imagenet21k"
IMAGENET = "imagenet"


@dataclass(frozen=True)
class WeightsSource:
    """A weights file on this machine."""

    path: Path
    origin: str
    """The path as it was given, or where on the hub the file lies."""
    from_hub: bool = False


def locate(weights: str | None, settings: dict[str, Any]) -> WeightsSource | None:
    """The file that `weights` names for a model with these settings; None where they are to be random.

    Raises:
        UserError: There is no such file, run or name, or nothing pretrained for such a model.
    """
    if weights in (None, "none"):
        return None
    if weights != IMAGENET21K:
        return _locate_file(weights) or _locate_on_hub(weights)
    return _locate_on_hub(_imagenet21k(settings))


def refuse_unobtainable(weights: str | None, settings: dict[str, Any]) -> None:
    """Refuse weights of which is known without the network that they cannot be had for a model with these settings.

    Raises:
        UserError: There is no such file, run or name, or nothing pretrained for such a model.
    """
    if weights in (None, "none"):
        return
    if weights == IMAGENET21K:
        _imagenet21k(settings)
        return
    source = _locate_file(weights)
    if source is None:
        hub_id(weights)
    elif not source.path.is_file():
        raise UserError("The weights file must exist", source.path, "Check the path.")


def _imagenet21k(settings: dict[str, Any]) -> str:
    """The hub's name of the transformer's weights."""
    names = pretrained_names(settings)
    if not names:
        raise UserError(
            "imagenet21k exists for unetr and cats, and for transunet at size base with patches of 16 pixels",
            ", ".join(f"{key} {settings[key]}" for key in ("name", "size", "patch_size") if settings.get(key)),
            'Set weights = "none", or give a file that fits.',
        )
    return names["transformer"]


def locate_trunk(weights: str | None, settings: dict[str, Any], main: WeightsSource | None) -> WeightsSource | None:
    """The file for the trunk of `cats`; where nothing is said, it comes from the hub if the transformer's weights do.

    Raises:
        UserError: The model has no trunk with weights of its own, or there is no such file or name.
    """
    if settings["name"] != "cats":
        if weights is not None:
            raise UserError(
                "Only cats has a trunk with weights of its own", f"trunk_weights = {weights!r}", "Leave it out."
            )
        return None
    if weights is None:
        weights = IMAGENET if main and main.from_hub else "none"
    if weights == "none":
        return None
    if weights == IMAGENET:
        return _locate_on_hub(settings["trunk"])
    return _locate_file(weights) or _locate_on_hub(weights)


def refuse_narrow_trunk(weights: str | None, trunk_weights: str | None, settings: dict[str, Any]) -> None:
    """Refuse published weights for a trunk that is narrower than published, before anything is fetched.

    Raises:
        UserError: Names trunk and size.
    """
    wants_published = trunk_weights == IMAGENET or (trunk_weights is None and weights == IMAGENET21K)
    if settings["name"] == "cats" and wants_published and narrowed(settings["trunk"], SIZES[settings["size"]]):
        raise UserError(
            f"Weights were published for {settings['trunk']} at its own width, which it has at size base",
            f"size {settings['size']}",
            'Set trunk_weights = "none", choose a trunk that keeps its width (not a ResNet or DenseNet), or size base.',
        )


def _locate_file(weights: str) -> WeightsSource | None:
    path = Path(weights).expanduser()
    if path.is_dir():
        return WeightsSource(RunFolder.open(path).weights_file, weights)
    if path.is_file() or path.suffix in READERS:
        return WeightsSource(path, weights)
    return None


def _locate_on_hub(name: str) -> WeightsSource:
    file = fetch(hub_id(name))
    return WeightsSource(file.path, file.origin, from_hub=True)
