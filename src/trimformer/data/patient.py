"""One patient: a scan, its labels and where its voxels lie in the room."""

from dataclasses import dataclass

import numpy as np

from trimformer.records.errors import UserError


@dataclass(frozen=True, eq=False)
class Patient:
    """One scan on its own grid.

    `image` is (x, y, z) float32, `labels` is (x, y, z) uint8 or None where nobody drew them, `affine` (4, 4) takes a
    voxel's indices to millimetres, RAS+. `slice_axis` is the array axis along which the slices were acquired.

    Raises:
        UserError: The image is not three-dimensional, or its labels or affine have another shape.
    """

    patient_id: str
    image: np.ndarray
    labels: np.ndarray | None
    affine: np.ndarray
    slice_axis: int = 2

    def __post_init__(self) -> None:
        """Refuse arrays that cannot belong together."""
        if self.image.ndim != 3:
            raise UserError(
                "A scan has three axes", f"{self.patient_id}: shape {self.image.shape}", "Give one volume a patient."
            )
        if self.labels is not None and self.labels.shape != self.image.shape:
            raise UserError(
                "Labels have the shape of their image",
                f"{self.patient_id}: image {self.image.shape}, labels {self.labels.shape}",
                "Resample the labels to the image's grid.",
            )
        if self.affine.shape != (4, 4) or self.slice_axis not in (0, 1, 2):
            raise UserError(
                "A scan has a 4 x 4 affine and its slice axis is 0, 1 or 2",
                f"{self.patient_id}: affine {self.affine.shape}, slice axis {self.slice_axis}",
                "Mend that patient's geometry.",
            )

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxels along each array axis: the norms of the affine's columns."""
        first, second, third = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(first), float(second), float(third)
