"""The models there are, and the one function that creates them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trimformer.models.cats import CATS
from trimformer.models.controls import PlainUNet
from trimformer.models.segmentation_model import SegmentationModel
from trimformer.models.sizes import SIZES
from trimformer.models.transunet import TransUNet
from trimformer.models.unetr import UNETR
from trimformer.models.weights import load_weights
from trimformer.records.errors import UserError

MAX_BLOCKS = 12


@dataclass(frozen=True)
class CatalogueEntry:
    """One model: how it is built, which settings it has no use for, and which trunks it can take (default first)."""

    build: Callable[..., SegmentationModel]
    description: str
    unused: tuple[str, ...] = ()
    trunks: tuple[str, ...] = ()


CATALOGUE = {
    "transunet": CatalogueEntry(TransUNet, "ResNetV2 trunk, then the transformer, then a cascaded upsampler"),
    "cats": CatalogueEntry(
        CATS,
        "CNN trunk and transformer side by side, added at every level",
        trunks=("resnet50", "resnet34", "densenet121"),
    ),
    "unetr": CatalogueEntry(UNETR, "transformer on image patches, read at several depths"),
    "unet": CatalogueEntry(
        PlainUNet, "plain residual U-Net of MONAI, the control", unused=("num_blocks", "decoder", "patch_size")
    ),
}
"""Every model by name. A new one is a file, a line here and a test."""


def create_model(  # noqa: PLR0913 - the words of an experiment's [model] section
    name: str,
    *,
    num_classes: int,
    num_blocks: int | None = 12,
    decoder: str | None = "full",
    size: str = "base",
    weights: str | None = None,
    trunk_weights: str | None = None,
    image_size: int = 224,
    patch_size: int | None = 16,
    in_channels: int = 1,
    trunk: str | None = None,
) -> SegmentationModel:
    """A new model, with random weights or those named, described by `model.settings`.

    Args:
        name: `transunet`, `cats`, `unetr` or `unet`.
        num_classes: Classes, background counted.
        num_blocks: Transformer blocks, 0 to 12; the plain U-Net has none and passes over it.
        decoder: `full` or `compressed`; passed over by the plain U-Net.
        size: `base` (the paper's), `small` or `tiny`.
        weights: None or `none`: random. `imagenet21k`, a timm or hub name, a `.npz`, `.pth` or `.safetensors` file, or
            a run folder; fewer blocks take the first ones. `model.weights_report` says what became of every tensor.
        trunk_weights: For `cats`: `none`, `imagenet`, a timm name or a file; by default as `load_weights` says.
        image_size: Rows = columns of the slices, in pixels.
        patch_size: 16 or 8 pixels; passed over by the plain U-Net.
        in_channels: Channels of the slices, 1 or 3; a hybrid repeats a grey slice and so takes either.
        trunk: For `cats`: `resnet50` (default), `resnet34` or `densenet121`.

    Raises:
        UserError: A value is outside its rule.

    Example:
        >>> model = create_model("unetr", num_classes=4, num_blocks=3, size="tiny", image_size=112, patch_size=8)
        >>> model.settings["num_blocks"]
        3
    """
    if name not in CATALOGUE:
        raise UserError("The model must be in the catalogue", repr(name), f"Choose one of {', '.join(CATALOGUE)}.")
    entry = CATALOGUE[name]
    settings = {
        "num_classes": num_classes,
        "num_blocks": num_blocks,
        "decoder": decoder,
        "size": size,
        "image_size": image_size,
        "patch_size": patch_size,
        "in_channels": in_channels,
        "trunk": _choose_trunk(name, entry, trunk),
    }
    used = {key: value for key, value in settings.items() if key not in entry.unused}
    _check(used)
    model = entry.build(**{key: value for key, value in used.items() if key != "trunk" or entry.trunks})
    # The one place where a model learns what rebuilds it; a setting that the model has no use for is None.
    model.settings = {"name": name} | {key: used.get(key) for key in settings}
    model.weights_report = load_weights(model, weights, trunk_weights)
    return model


def _choose_trunk(name: str, entry: CatalogueEntry, trunk: str | None) -> str | None:
    if trunk is not None and not entry.trunks:
        raise UserError(f"A trunk can be chosen for cats only, not for {name}", repr(trunk), "Leave trunk out.")
    if trunk is None:
        return entry.trunks[0] if entry.trunks else None
    if trunk not in entry.trunks:
        raise UserError("The trunk must be known", repr(trunk), f"Choose one of {', '.join(entry.trunks)}.")
    return trunk


def _check(settings: dict[str, Any]) -> None:
    """Hold every setting against its rule; whether the patches divide the image, the model itself knows."""
    rules: dict[str, tuple[Callable[[Any], bool], str]] = {
        "num_classes": (lambda value: _is_int(value) and value >= 2, "a whole number from 2 on, background counted"),
        "num_blocks": (
            lambda value: _is_int(value) and 0 <= value <= MAX_BLOCKS,
            f"a whole number from 0 to {MAX_BLOCKS}",
        ),
        "decoder": (lambda value: value in ("full", "compressed"), "full or compressed"),
        "size": (lambda value: value in SIZES, "base, small or tiny"),
        "image_size": (lambda value: _is_int(value) and value > 0, "a whole number of pixels, rows = columns"),
        "patch_size": (lambda value: _is_int(value) and value in (8, 16), "16 or 8"),
        "in_channels": (lambda value: _is_int(value) and value in (1, 3), "1 or 3"),
    }
    for key, (holds, rule) in rules.items():
        if key in settings and not holds(settings[key]):
            raise UserError(f"{key} must be {rule}", repr(settings[key]), f"Change {key}.")


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
