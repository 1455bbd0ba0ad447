"""Put translated weights into a model."""

from dataclasses import dataclass

from torch import Tensor

from trimformer.models.cutting import removed_names
from trimformer.models.segmentation_model import SegmentationModel
from trimformer.models.weights.checks import (
    is_counter,
    part_of,
    parts_to_fill,
    refuse_missing,
    refuse_shape,
    refuse_superfluous,
)
from trimformer.models.weights.resample import on_grid, resample_patches, resample_positions
from trimformer.models.weights.translate import Translation

POSITIONS = "transformer.pos_embed"

FIRST_CONVOLUTIONS = ("transformer.patch_embed.proj.weight", "trunk.root.0.weight")
"""What sees the image, or the trunk's features: of another patch size or number of channels it is resampled."""


@dataclass(frozen=True)
class Fitted:
    """What became of a model's tensors, by our names, and of a file's keys."""

    copied: tuple[str, ...]
    resampled: tuple[str, ...]
    initialised: tuple[str, ...]
    unused: tuple[str, ...]


def fit_weights(model: SegmentationModel, translation: Translation) -> Fitted:
    """Copy into the model, in place, all that fits; a model with fewer blocks takes the first ones.

    A file of a whole model must have the model's parts; decoder and head are passed over where the decoder is of
    another kind, provided that the classes agree. A pretrained ViT has no decoder, and a trunk only where its file
    says so: what the file does not have stays as it was initialised.

    Raises:
        UserError: A tensor is missing, has no place in the model, or has a shape that cannot be brought to the model's.
    """
    wanted = model.state_dict()
    parts = parts_to_fill(wanted, translation)
    refuse_missing(wanted, translation, parts)
    refuse_superfluous(wanted, translation, parts, tuple(f"{name}." for name in removed_names(model)))
    names = [name for name in wanted if name in translation.entries and part_of(name) in parts]
    copied = {name: tensor for name in names if (tensor := _as_stored(name, wanted[name], translation)) is not None}
    resampled = {name: _resampled(name, model, translation) for name in names if name not in copied}
    model.load_state_dict(copied | resampled, strict=False)
    return Fitted(
        tuple(copied),
        tuple(resampled),
        initialised=tuple(name for name in wanted if name not in names and not is_counter(name)),
        unused=translation.unused
        + tuple(key for name, entry in translation.entries.items() if name not in names for key in entry.keys),
    )


def _as_stored(name: str, wanted: Tensor, translation: Translation) -> Tensor | None:
    """The file's tensor where it has the model's shape; positions of class tokens do not count."""
    stored = translation.entries[name].tensor
    if name == POSITIONS and stored.ndim == 3:
        stored = on_grid(stored)
    return stored if stored.shape == wanted.shape else None


def _resampled(name: str, model: SegmentationModel, translation: Translation) -> Tensor:
    stored, wanted = translation.entries[name].tensor, model.state_dict()[name]
    resampled = None
    if name == POSITIONS:
        resampled = resample_positions(stored.float(), model.transformer.grid_size)
    elif name in FIRST_CONVOLUTIONS:
        resampled = resample_patches(stored.float(), tuple(wanted.shape), model.network_channels)
    if resampled is None or resampled.shape != wanted.shape:
        refuse_shape(name, wanted, translation)
    assert resampled is not None
    return resampled
