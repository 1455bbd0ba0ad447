"""A batch of slices that knows whose slices they are and how large their pixels are."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from trimformer.data.preparation.slices import PatientSlices
from trimformer.records.errors import UserError


@dataclass(frozen=True, eq=False)
class Batch:
    """Slices for a model, with what their measures need.

    `images` (batch, channels, rows, columns); `labels` (batch, rows, columns) whole numbers, or None; `patient_ids`
    one a slice, or empty where nobody knows; `spacing_mm` (row, column) after resizing, one pair for the whole batch;
    `foreground` (batch, rows, columns) bool, the pixels that count: where it is not given it becomes `labels > 0`.

    Raises:
        UserError: Labels, foreground or patient ids do not fit the images.
    """

    images: Float[Tensor, "batch channels rows columns"]
    labels: Tensor | None = None
    patient_ids: tuple[str, ...] = ()
    spacing_mm: tuple[float, float] = (1.0, 1.0)
    foreground: Tensor | None = None

    def __post_init__(self) -> None:
        """Check the shapes and fill in the foreground."""
        batch, _, rows, columns = self.images.shape
        for name, mask in (("labels", self.labels), ("foreground", self.foreground)):
            if mask is not None and tuple(mask.shape) != (batch, rows, columns):
                raise UserError(
                    f"The {name} of a batch have shape {(batch, rows, columns)}",
                    tuple(mask.shape),
                    "Give one mask a slice, on the grid of the images.",
                )
        if self.patient_ids and len(self.patient_ids) != batch:
            raise UserError(
                f"A batch of {batch} slices has {batch} patient ids, or none",
                len(self.patient_ids),
                "Name the patient of each slice.",
            )
        if self.foreground is None and self.labels is not None:
            object.__setattr__(self, "foreground", self.labels > 0)


def profile_batches(patients_slices: Iterable[PatientSlices], batch_size: int) -> Iterator[Batch]:
    """Every slice once, in order, in batches that never mix patients.

    The last batch of a patient may be smaller than `batch_size`.
    """
    for patient in patients_slices:
        for start in range(0, len(patient.images), batch_size):
            chosen = slice(start, start + batch_size)
            images, labels = patient.image_tensor(chosen), patient.label_tensor(chosen)
            yield Batch(images, labels, (patient.patient_id,) * len(images), patient.spacing_mm)
