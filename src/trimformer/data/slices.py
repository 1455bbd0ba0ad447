"""From a patient to the slices that a model sees, and from a model's scores back to the patient's own grid."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from trimformer.data.patient import Patient
from trimformer.records.errors import UserError

SLICES_AT_ONCE = 16
"""Scores on a native grid are large (512 x 512 x 9 classes is 9 MB a slice), so they are made in chunks."""


@dataclass(frozen=True, eq=False)
class PatientSlices:
    """The slices of one patient as a model sees them.

    Rows and columns follow the two array axes that are not the slice axis, in their order.
    `spacing_mm` is (row, column) after resizing.
    """

    patient_id: str
    images: Float[Tensor, "slices 1 rows columns"]
    labels: UInt8[Tensor, "slices rows columns"] | None
    spacing_mm: tuple[float, float]


def to_slices(patient: Patient, image_size: int) -> PatientSlices:
    """Normalise a whole volume to zero mean and unit deviation and resize each slice to `image_size` squared.

    Images are resized bilinearly, with antialiasing where they shrink; labels take the nearest voxel.
    This is the preprocessing of the paper.

    Raises:
        UserError: The image is constant or holds values that are not finite.
    """
    slices = _slices_first(_z_score(patient), patient.slice_axis)
    images = _resize(slices[:, None], (image_size, image_size))
    rows, columns = slices.shape[1:]
    row_mm, column_mm = (mm for axis, mm in enumerate(patient.spacing_mm) if axis != patient.slice_axis)
    spacing_mm = (row_mm * rows / image_size, column_mm * columns / image_size)
    return PatientSlices(patient.patient_id, images, _resized_labels(patient, image_size), spacing_mm)


def to_native_grid(scores: Float[Tensor, "slices classes rows columns"], patient: Patient) -> np.ndarray:
    """Label map (x, y, z) uint8 on the patient's own grid: the way of `to_slices` back.

    Class scores are resized bilinearly slice by slice before the argmax, so that borders fall between pixels.
    """
    shape = list(patient.image.shape)
    num_slices = shape.pop(patient.slice_axis)
    assert scores.shape[0] == num_slices, f"{scores.shape[0]} slices of scores for {num_slices} slices"
    labels = [
        _resize(chunk.float(), (shape[0], shape[1])).argmax(dim=1).to(torch.uint8)
        for chunk in scores.split(SLICES_AT_ONCE)
    ]
    return np.ascontiguousarray(np.moveaxis(torch.cat(labels).numpy(force=True), 0, patient.slice_axis))


def _z_score(patient: Patient) -> np.ndarray:
    mean, deviation = patient.image.mean(dtype=np.float64), patient.image.std(dtype=np.float64)
    if not np.isfinite(deviation) or deviation == 0:
        raise UserError(
            "An image has finite values that differ",
            f"{patient.patient_id}: mean {mean}, standard deviation {deviation}",
            "Look at that scan; it cannot be normalised.",
        )
    return ((patient.image - mean) / deviation).astype(np.float32)


def _resized_labels(patient: Patient, image_size: int) -> Tensor | None:
    if patient.labels is None:
        return None
    slices = _slices_first(patient.labels, patient.slice_axis)
    # nearest-exact looks from pixel centres, as the bilinear resizing does; plain nearest would shift by half a pixel.
    return F.interpolate(slices[:, None], size=(image_size, image_size), mode="nearest-exact")[:, 0]


def _slices_first(volume: np.ndarray, slice_axis: int) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(volume, slice_axis, 0)))


def _resize(maps: Tensor, size: tuple[int, int]) -> Tensor:
    # Antialiasing acts only where an axis shrinks; where it grows this is plain bilinear interpolation.
    return F.interpolate(maps, size=size, mode="bilinear", antialias=True)
