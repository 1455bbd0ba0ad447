"""One patient: a scan, its labels and where its voxels lie in the room."""

from dataclasses import dataclass

import numpy as np

from trimformer.data.scan import spacing_of
from trimformer.records.errors import UserError


@dataclass(frozen=True, eq=False)
class Patient:
    """One scan on its own grid.

    `image` is (channels, x, y, z) float32, or (x, y, z) where there is one channel, which is then put in front;
    `labels` is (x, y, z) uint8 or None where nobody drew them, `affine` (4, 4) takes a voxel's indices to millimetres,
    RAS+.

    Raises:
        UserError: The image has other axes, or its labels or affine have another shape.
    """

    patient_id: str
    image: np.ndarray
    labels: np.ndarray | None
    affine: np.ndarray

    def __post_init__(self) -> None:
        """Put the channel in front and refuse arrays that cannot belong together."""
        if self.image.ndim == 3:
            object.__setattr__(self, "image", self.image[None])
        if self.image.ndim != 4:
            raise UserError(
                "A scan has three axes, and one of channels before them",
                f"{self.patient_id}: shape {self.image.shape}",
                "Give one volume a patient.",
            )
        if self.labels is not None and self.labels.shape != self.image.shape[1:]:
            raise UserError(
                "Labels have the shape of their image",
                f"{self.patient_id}: image {self.image.shape[1:]}, labels {self.labels.shape}",
                "Resample the labels to the image's grid.",
            )
        if self.affine.shape != (4, 4):
            raise UserError(
                "A scan has a 4 x 4 affine",
                f"{self.patient_id}: affine {self.affine.shape}",
                "Mend that patient's geometry.",
            )

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxels along each array axis."""
        return spacing_of(self.affine)
