"""The models there are, and the one function that creates them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

from trimformer.models.cats import CATS
from trimformer.models.controls import MONAI_NETWORKS, monai_name, monai_network
from trimformer.models.segmentation_model import SegmentationModel
from trimformer.models.sizes import SIZES
from trimformer.models.targets import target_network
from trimformer.models.transunet import TransUNet
from trimformer.models.unetr import UNETR
from trimformer.models.weights import load_weights
from trimformer.records.errors import UserError
from trimformer.records.model_names import plain_name
from trimformer.records.settings import MAX_BLOCKS

MONAI_PREFIX = "monai."

HYBRID_WORDS = ("num_classes", "num_blocks", "decoder", "size", "image_size", "patch_size", "in_channels")
CONTROL_WORDS = ("num_classes", "size", "image_size", "in_channels", "options", "kept_blocks")
TARGET_WORDS = ("num_classes", "num_blocks", "image_size", "in_channels", "options", "kept_blocks")


@dataclass(frozen=True)
class CatalogueEntry:
    """One model: how it is built, from which settings, and for CATS the paper's trunks (default first)."""

    build: Callable[..., SegmentationModel]
    description: str
    words: tuple[str, ...] = HYBRID_WORDS
    trunks: tuple[str, ...] = ()


CATALOGUE = {
    "transunet": CatalogueEntry(TransUNet, "ResNetV2 trunk, then the transformer, then a cascaded upsampler"),
    "cats": CatalogueEntry(
        CATS,
        "CNN trunk and transformer side by side, added at every level",
        words=(*HYBRID_WORDS, "trunk"),
        trunks=("resnet50", "resnet34", "densenet121"),
    ),
    "unetr": CatalogueEntry(UNETR, "transformer on image patches, read at several depths"),
    "unet": CatalogueEntry(
        partial(monai_network, "UNet"), "plain residual U-Net of MONAI, the control", words=CONTROL_WORDS
    ),
}
"""Every model of ours by name. A new one is a file, a line here and a test."""

MONAI_CONTROLS = ("AttentionUnet", "BasicUNetPlusPlus", "SegResNet", "SwinUNETR")
"""Those of MONAI's networks that are shown beside ours; any other of its 2D networks can be named as well."""


def create_model(  # noqa: PLR0913 - the words of an experiment's [model] section
    name: str | None = None,
    *,
    num_classes: int,
    num_blocks: int | None = None,
    decoder: str | None = "full",
    size: str | None = "base",
    weights: Path | str | None = None,
    trunk_weights: Path | str | None = None,
    image_size: int = 224,
    patch_size: int | None = 16,
    in_channels: int = 1,
    trunk: str | None = None,
    target: str | None = None,
    options: Mapping[str, Any] | None = None,
    source_blocks: Sequence[int] | None = None,
    permuted_blocks: bool = False,
    kept_blocks: Sequence[int] | None = None,
) -> SegmentationModel:
    """A new model, described by `model.settings`; where its weights come from stands in `model.weights_report`.

    Either `name` or `target` says which. A setting that a network has no use for is passed over and None in
    `model.settings`, except `trunk`, `options`, `kept_blocks` and the blocks of a target: to ask for these in vain is
    an error.

    Args:
        name: `transunet`, `cats`, `unetr`, `unet`, or a 2D network of MONAI such as `AttentionUnet`,
            `BasicUNetPlusPlus`, `SegResNet` or `SwinUNETR`. Case and underscores do not matter; where both have a name,
            ours is meant, and `monai.UNETR` is MONAI's.
        num_classes: Classes, background counted.
        num_blocks: Transformer blocks, 0 to 12 (default) in a hybrid. A target's factory gets it if it is given here.
            A network without blocks passes over it.
        decoder: `full` or `compressed`; for hybrids.
        size: `base` (the paper's), `small` or `tiny`; for hybrids and those of MONAI's networks that have a recipe in
            `trimformer.models.controls`.
        weights: What the network begins with, as `trimformer.models.weights.load_weights` takes it; None or `none`:
            random weights.
        trunk_weights: The same for the trunk of `cats`.
        image_size: Rows = columns of the slices, in pixels. In a hybrid a multiple of `patch_size`; elsewhere what the
            network can take, which is tried.
        patch_size: 16 or 8 pixels; for hybrids.
        in_channels: Channels of the slices. A hybrid for 1 or 3 is a network of 3 channels and takes either, a grey
            slice repeated. A hybrid for any other number, and every other network, has first convolutions of exactly
            so many channels and takes such slices alone.
        trunk: For `cats`: `resnet50` (default), `resnet34`, `densenet121` or any other feature extractor of timm that
            has the stride of the patches.
        target: `package.module:factory`, the user's own network; see `trimformer.models.targets.target_network`. The
            module is imported, here and wherever a run of it is loaded.
        options: More arguments of MONAI's constructor or of the target's factory, of the kinds that JSON has.
        source_blocks: Which blocks of the weights the blocks 0, 1, ... of a hybrid take, one for each; None: the first.
        permuted_blocks: A control: the entries of every tensor that they take are shuffled.
        kept_blocks: Of MONAI's networks and targets, which transformer blocks stay, rising; the others become
            identities in their places. None: all.

    Raises:
        UserError: A value is outside its rule.

    Example:
        >>> model = create_model("unetr", num_classes=4, num_blocks=3, size="tiny", image_size=112, patch_size=8)
        >>> model.settings["num_blocks"]
        3
    """
    name = canonical_name(name, target)
    entry = _entry(str(name)) if target is None else _target_entry(target)
    given = {
        "num_classes": num_classes,
        "num_blocks": MAX_BLOCKS if num_blocks is None and target is None else num_blocks,
        "decoder": decoder,
        "size": size,
        "image_size": image_size,
        "patch_size": patch_size,
        "in_channels": in_channels,
        "trunk": entry.trunks[0] if trunk is None and entry.trunks else trunk,
        "options": dict(options or {}),
        "kept_blocks": None if kept_blocks is None else list(kept_blocks),
    }
    used = {word: given[word] for word in entry.words}
    _check(used, limit=MAX_BLOCKS if target is None else None)
    _check_not_in_vain(given, entry, str(name or target))
    model = entry.build(**used)
    # The one place where a model learns what rebuilds it; a setting that the model has no use for is None.
    model.settings = {"name": name, "target": target} | {word: used.get(word) for word in given}
    model.settings["options"] = given["options"]
    begun = _as_text(weights), _as_text(trunk_weights)
    model.weights_report = load_weights(model, *begun, source_blocks, permuted_blocks)
    return model


def _as_text(path: Path | str | None) -> str | None:
    return None if path is None else str(path)


def canonical_name(name: str | None, target: str | None = None) -> str | None:
    """The name as the catalogue or MONAI spells it; None for a target.

    Raises:
        UserError: No model has this name, or both or neither of name and target are given.
    """
    if (name is None) == (target is None):
        found = "neither" if name is None else f"name = {name!r} and target = {target!r}"
        raise UserError("A model has either a name or a target", found, "Give one of the two.")
    if name is None or plain_name(name) in CATALOGUE:
        return name and plain_name(name)
    monais = monai_name(plain_name(name).removeprefix(MONAI_PREFIX))
    if monais is None:
        raise UserError("The model must be in the catalogue or a 2D network of MONAI", repr(name), _similar(name))
    return f"{MONAI_PREFIX}{monais}" if plain_name(monais) in CATALOGUE else monais


def _similar(name: str) -> str:
    known = {plain_name(known): known for known in (*MONAI_NETWORKS, *CATALOGUE)}
    close = [known[found] for found in get_close_matches(plain_name(name).removeprefix(MONAI_PREFIX), known)]
    similar = f" Similar names: {', '.join(close)}." if close else ""
    return f"Choose one of {', '.join(CATALOGUE)}.{similar}"


def _target_entry(target: str) -> CatalogueEntry:
    return CatalogueEntry(partial(target_network, target), "the user's own network", words=TARGET_WORDS)


def _entry(name: str) -> CatalogueEntry:
    if name in CATALOGUE:
        return CATALOGUE[name]
    build = partial(monai_network, name.removeprefix(MONAI_PREFIX))
    return CatalogueEntry(build, "a network of MONAI", words=CONTROL_WORDS)


def _check_not_in_vain(given: dict[str, Any], entry: CatalogueEntry, name: str) -> None:
    for word in ("trunk", "options", "kept_blocks"):
        if given[word] not in (None, {}) and word not in entry.words:
            users = "cats" if word == "trunk" else "unet, MONAI's networks and targets"
            raise UserError(
                f"{word} can be chosen for {users} only, not for {name}", repr(given[word]), f"Leave {word} out."
            )


def _check(settings: dict[str, Any], limit: int | None) -> None:
    """Hold every setting against its rule; whether the patches divide the image, the model itself knows."""
    rules: dict[str, tuple[Callable[[Any], bool], str]] = {
        "num_classes": (lambda value: _is_int(value) and value >= 2, "a whole number from 2 on, background counted"),
        "num_blocks": (
            (lambda value: _is_int(value) and 0 <= value <= limit, f"a whole number from 0 to {limit}")
            if limit is not None
            else (lambda value: value is None or (_is_int(value) and value >= 0), "a whole number from 0 on")
        ),
        "decoder": (lambda value: value in ("full", "compressed"), "full or compressed"),
        "size": (lambda value: value in SIZES, "base, small or tiny"),
        "image_size": (lambda value: _is_int(value) and value > 0, "a whole number of pixels, rows = columns"),
        "patch_size": (lambda value: _is_int(value) and value in (8, 16), "16 or 8"),
        "in_channels": (lambda value: _is_int(value) and value > 0, "a whole number from 1 on"),
        "options": (_is_json, "values of the kinds that JSON has: numbers, words, lists, tables"),
    }
    for key, (holds, rule) in rules.items():
        if key in settings and not holds(settings[key]):
            raise UserError(f"{key} must be {rule}", repr(settings[key]), f"Change {key}.")


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_json(value: object) -> bool:
    try:
        return bool(json.dumps(value))
    except (TypeError, ValueError):
        return False
