"""A batch of slices, or of volumes, that knows whose they are and how large their pixels are."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from trimformer.data.preparation.slices import PatientSlices
from trimformer.records.errors import UserError

NOT_TOLD = (1.0, 1.0)
"""The spacing of a batch that tells none: pixels and millimetres are then the same."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Slices or volumes for a model, with what their measures need.

    `images` (batch, channels, rows, columns), or volumes (batch, channels, *three sides); `labels` (batch, *size) whole
    numbers, or None; `patient_ids` one an image, or empty where nobody knows; `spacing_mm` of a pixel along each axis
    after resizing, the same for the whole batch, 1 where it is not given; `foreground` (batch, *size) bool, the pixels
    that count: where it is not given it becomes `labels > 0`.

    Raises:
        UserError: Labels, foreground, patient ids or spacing do not fit the images.
    """

    images: Float[Tensor, "batch channels *size"]
    labels: Tensor | None = None
    patient_ids: tuple[str, ...] = ()
    spacing_mm: tuple[float, ...] = NOT_TOLD
    foreground: Tensor | None = None

    def __post_init__(self) -> None:
        """Check the shapes and fill in the foreground."""
        batch, size = len(self.images), tuple(self.images.shape[2:])
        for name, mask in (("labels", self.labels), ("foreground", self.foreground)):
            if mask is not None and tuple(mask.shape) != (batch, *size):
                raise UserError(
                    f"The {name} of a batch have shape {(batch, *size)}",
                    tuple(mask.shape),
                    "Give one mask a slice, on the grid of the images.",
                )
        if self.patient_ids and len(self.patient_ids) != batch:
            raise UserError(
                f"A batch of {batch} slices has {batch} patient ids, or none",
                len(self.patient_ids),
                "Name the patient of each slice.",
            )
        object.__setattr__(self, "spacing_mm", _spacing(self.spacing_mm, len(size)))
        if self.foreground is None and self.labels is not None:
            object.__setattr__(self, "foreground", self.labels > 0)


def _spacing(spacing_mm: tuple[float, ...], axes: int) -> tuple[float, ...]:
    if tuple(spacing_mm) == NOT_TOLD:
        return (1.0,) * axes
    if len(spacing_mm) != axes or not all(0 < side < math.inf for side in spacing_mm):
        raise UserError(
            f"A pixel of these images has {axes} sides in mm, each above 0",
            spacing_mm,
            "Give one number for each axis of an image.",
        )
    return tuple(spacing_mm)


def profile_batches(patients_slices: Iterable[PatientSlices], batch_size: int) -> Iterator[Batch]:
    """Every slice once, in order, in batches that never mix patients.

    The last batch of a patient may be smaller than `batch_size`.
    """
    for patient in patients_slices:
        for start in range(0, len(patient.images), batch_size):
            chosen = slice(start, start + batch_size)
            images, labels = patient.image_tensor(chosen), patient.label_tensor(chosen)
            yield Batch(images, labels, (patient.patient_id,) * len(images), patient.spacing_mm)
