"""Patients of one dataset, dealt to their sides."""

import hashlib
from dataclasses import dataclass

from trimformer.data.preparation.slices import PatientSlices
from trimformer.data.splitting.sides import refuse_overlap


@dataclass(frozen=True, eq=False)
class Dataset:
    """Everything a study needs to know of its data.

    `labels` maps label values to class names, background left out. `note` is the one sentence that every report on
    these data carries; `preprocessing` is everything that was done to the files. Models are fitted on `training`, their
    best epoch is chosen on `selection`, and only `validation` is reported.

    Raises:
        UserError: A patient is on two sides.
    """

    name: str
    labels: dict[int, str]
    note: str
    training: tuple[PatientSlices, ...]
    selection: tuple[PatientSlices, ...]
    validation: tuple[PatientSlices, ...]
    num_channels: int = 1
    layout: str = ""
    preprocessing: dict[str, object] | None = None

    def __post_init__(self) -> None:
        """Refuse a patient on two sides."""
        refuse_overlap([patient.patient_id for patient in patients] for patients in self._sides().values())

    @property
    def fingerprint(self) -> str:
        """SHA-256 over every patient's side, id, and the digest of their files and settings."""
        digest = hashlib.sha256()
        for side, patients in self._sides().items():
            for patient in patients:
                digest.update(f"{side}/{patient.patient_id}/{patient.key}\n".encode())
        return digest.hexdigest()

    def _sides(self) -> dict[str, tuple[PatientSlices, ...]]:
        return {"training": self.training, "selection": self.selection, "validation": self.validation}
