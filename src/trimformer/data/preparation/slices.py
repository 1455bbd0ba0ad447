"""From a patient to the slices that a model sees, and from a model's scores back to the patient's own grid."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Integer, UInt8
from torch import Tensor

from trimformer.data.patient import Patient
from trimformer.data.preparation.intensities import Span, usual_range
from trimformer.data.preparation.native_grid import NativeGrid
from trimformer.data.preprocessing import Preprocessing
from trimformer.records.errors import UserError

SLICES_AT_ONCE = 4
"""Slices are worked on in chunks, so that one volume never stands in memory several times over."""

Scores = Float[Tensor, "slices classes rows columns"]

Look = Callable[[int, Scores], None]
"""Is shown the number of a first slice, and its scores and those of the next few, already on the slices' own pixels."""


def look_away(first: int, scores: Scores) -> None:
    """Nobody wants to see the scores."""


@dataclass(frozen=True, eq=False)
class PatientSlices:
    """The slices of one patient as a model sees them, in memory or mapped from disk.

    `images` (slices, channels, rows, columns) float16, zero mean and unit deviation over each channel of the volume;
    `labels` (slices, rows, columns) uint8, None where nobody drew them. `spacing_mm` is (row, column) after resizing.
    `grid` leads back to the patient's own voxels, and `true_labels` reads the labels (x, y, z) uint8 as they are there.
    `key` is the digest of the files and settings that the slices came from, empty where nobody asked for it.
    `intensities` is the usual range of each channel as it is stored, None where an older version prepared the slices.
    """

    patient_id: str
    images: np.ndarray
    labels: np.ndarray | None
    grid: NativeGrid
    spacing_mm: tuple[float, float]
    true_labels: Callable[[], np.ndarray] | None = None
    key: str = ""
    intensities: tuple[Span, ...] | None = None

    def spread_places(self, count: int | None = None) -> Integer[np.ndarray, " slices"]:
        """The places of so many slices, each in the middle of its share of those with a label, or of all; None: all."""
        places = np.arange(len(self.images))
        if count is None:
            return places
        if self.labels is not None and (labelled := np.flatnonzero(self.labels.any(axis=(1, 2)))).size:
            places = labelled
        count = min(count, len(places))
        return places[((np.arange(count) + 0.5) * len(places) / count).astype(int)]

    def image_tensor(self, chosen: slice | np.ndarray = slice(None)) -> Float[Tensor, "slices channels rows columns"]:
        """Some slices, or all, as a model takes them."""
        return torch.from_numpy(np.array(self.images[chosen])).float()

    def label_tensor(self, chosen: slice | np.ndarray = slice(None)) -> UInt8[Tensor, "slices rows columns"] | None:
        """The labels of some slices, or all; None where nobody drew them."""
        return None if self.labels is None else torch.from_numpy(np.array(self.labels[chosen]))


def to_slices(patient: Patient, preprocessing: Preprocessing) -> PatientSlices:
    """Bring a volume to the grid of a model: this is the preprocessing of the paper.

    Each channel is clipped where that is asked for and normalised to zero mean and unit deviation over the whole
    volume; then each slice is cropped or padded (with the channel's lowest value) and resized to `image_size` squared.
    Images are resized bilinearly, with antialiasing where they shrink; labels take the nearest voxel.

    Raises:
        UserError: A channel is constant, at least between the limits of `clip`, or holds values that are not finite.
    """
    grid = NativeGrid.of(patient.image.shape[1:], patient.affine, preprocessing)
    size = preprocessing.image_size
    channels = [_normalised_slices(patient, channel, grid, preprocessing) for channel in range(len(patient.image))]
    images = np.stack([np.concatenate(list(chunks)) for chunks in channels], axis=1)
    row_mm, column_mm = (mm * count / size for mm, count in zip(grid.slice_spacing_mm, grid.slice_size, strict=True))
    labels = patient.labels
    return PatientSlices(
        patient.patient_id,
        images,
        None if labels is None else _resized_labels(labels, grid, size),
        grid,
        (row_mm, column_mm),
        None if labels is None else lambda: labels,
        intensities=tuple(usual_range(channel) for channel in patient.image),
    )


def to_native_grid(scores: Scores, grid: NativeGrid) -> np.ndarray:
    """Label map (x, y, z) uint8 on the patient's own grid: the way of `to_slices` back.

    Class scores are resized bilinearly slice by slice before the argmax, so that borders fall between pixels; what was
    cropped away is background.
    """
    return batches_to_native_grid([scores], grid)


def batches_to_native_grid(batches: Iterable[Scores], grid: NativeGrid, look: Look = look_away) -> np.ndarray:
    """`to_native_grid` for scores that come batch by batch, so that those of one batch are all that memory holds."""
    volume = np.zeros(grid.shape, np.uint8)
    slices, done = grid.slices_of(volume), 0
    for chunk in (chunk for batch in batches for chunk in batch.split(SLICES_AT_ONCE)):
        scores = resize(chunk.float(), grid.slice_size)
        labels = F.pad(scores.argmax(dim=1).to(torch.uint8), grid.unpadding)
        slices[done : done + len(labels)] = labels.numpy(force=True)
        look(done, scores)
        done += len(labels)
    assert done == grid.num_slices, f"{done} slices of scores for {grid.num_slices} slices"
    return volume


def resize(maps: Tensor, size: tuple[Any, Any]) -> Tensor:
    """Maps (slices, channels, rows, columns) with this many rows and columns: the way to a model's grid and back.

    The two may be tensors, as sizes are while a network is traced.
    """
    # Antialiasing acts only where an axis shrinks; where it grows this is plain bilinear interpolation.
    return F.interpolate(maps, size=size, mode="bilinear", antialias=True)


def _normalised_slices(
    patient: Patient, channel: int, grid: NativeGrid, preprocessing: Preprocessing
) -> Iterator[np.ndarray]:
    """Chunks (slices, rows, columns) float16 of one channel."""
    clip = preprocessing.clip or (-np.inf, np.inf)
    chunks = _Chunks(grid.slices_of(patient.image[channel]), clip)
    mean, deviation, lowest = chunks.statistics()
    if not np.isfinite(deviation) or deviation == 0:
        limits = f" between {clip[0]:g} and {clip[1]:g}" if preprocessing.clip else ""
        raise UserError(
            f"An image has finite values that differ{limits}",
            f"{patient.patient_id}, channel {channel}: mean {mean:g}, standard deviation {deviation:g}",
            "Look at that scan; it cannot be normalised.",
        )
    for chunk in chunks:
        normalised = torch.from_numpy(((chunk - mean) / deviation).astype(np.float32))[:, None]
        padded = F.pad(normalised, grid.padding, value=(lowest - mean) / deviation)
        yield resize(padded, (preprocessing.image_size, preprocessing.image_size))[:, 0].half().numpy()


class _Chunks:
    """A few slices (slices, rows, columns) float64 at a time, clipped."""

    def __init__(self, slices: np.ndarray, clip: tuple[float, float]) -> None:
        self._slices = slices
        self._clip = clip

    def __iter__(self) -> Iterator[np.ndarray]:
        for start in range(0, len(self._slices), SLICES_AT_ONCE):
            yield self._slices[start : start + SLICES_AT_ONCE].astype(np.float64).clip(*self._clip)

    def statistics(self) -> tuple[float, float, float]:
        """Mean, standard deviation and lowest value of all slices."""
        mean = sum(chunk.sum() for chunk in self) / self._slices.size
        variance = sum(((chunk - mean) ** 2).sum() for chunk in self) / self._slices.size
        return float(mean), float(np.sqrt(variance)), float(min(chunk.min() for chunk in self))


def _resized_labels(labels: np.ndarray, grid: NativeGrid, size: int) -> np.ndarray:
    slices = F.pad(torch.from_numpy(np.ascontiguousarray(grid.slices_of(labels))), grid.padding)
    # nearest-exact looks from pixel centres, as the bilinear resizing does; plain nearest would shift by half a pixel.
    resized: np.ndarray = F.interpolate(slices[:, None], size=(size, size), mode="nearest-exact")[:, 0].numpy()
    return resized
