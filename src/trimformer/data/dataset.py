"""Patients of one dataset, dealt to their sides."""

import hashlib
from dataclasses import dataclass

import numpy as np

from trimformer.data.patient import Patient
from trimformer.data.splitting.sides import refuse_overlap


@dataclass(frozen=True, eq=False)
class Dataset:
    """Everything a study needs to know of its data.

    `labels` maps label values to class names, background left out. `note` is the one sentence that every report on
    these data carries. Models are fitted on `training`, their best epoch is chosen on `selection`, and only
    `validation` is reported.

    Raises:
        UserError: A patient is on two sides.
    """

    name: str
    labels: dict[int, str]
    note: str
    training: tuple[Patient, ...]
    selection: tuple[Patient, ...]
    validation: tuple[Patient, ...]

    def __post_init__(self) -> None:
        """Refuse a patient on two sides."""
        refuse_overlap({side: [patient.patient_id for patient in patients] for side, patients in self._sides().items()})

    @property
    def fingerprint(self) -> str:
        """SHA-256 over every patient's side, id, geometry and voxels: another digit, other data."""
        digest = hashlib.sha256()
        for side, patients in self._sides().items():
            for patient in patients:
                digest.update(f"{side}/{patient.patient_id}/{patient.slice_axis}".encode())
                for array in (patient.affine, patient.image, patient.labels):
                    _add_array(digest, array)
        return digest.hexdigest()

    def _sides(self) -> dict[str, tuple[Patient, ...]]:
        return {"training": self.training, "selection": self.selection, "validation": self.validation}


def _add_array(digest: "hashlib._Hash", array: np.ndarray | None) -> None:
    if array is None:
        digest.update(b"none")
        return
    digest.update(f"{array.dtype}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).data)
