"""Patients of one dataset, dealt to their sides."""

import hashlib
from collections import Counter
from dataclasses import dataclass

from trimformer.data.preparation.intensities import Span, joint_range
from trimformer.data.preparation.slices import PatientSlices
from trimformer.data.scan import axis_codes
from trimformer.data.splitting.sides import refuse_overlap


@dataclass(frozen=True, eq=False)
class Dataset:
    """Everything a study needs to know of its data.

    `labels` maps label values to class names, background left out. `note` is the one sentence that every report on
    these data carries; `preprocessing` is everything that was done to the files. Models are fitted on `training`, their
    best epoch is chosen on `selection`, and only `validation` is reported. `has_geometry` says whether it is known
    where the axes of the scans lead.

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
    has_geometry: bool = False

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

    @property
    def orientations(self) -> dict[str, int] | None:
        """How many of the training scans have their axes this way (RAS and the like); None where nobody knows."""
        if not self.has_geometry:
            return None
        return dict(Counter(axis_codes(patient.grid.affine) for patient in self.training).most_common())

    @property
    def intensities(self) -> tuple[Span, ...] | None:
        """The range of each channel that the usual ranges of all training scans lie in; None where one has none."""
        spans = [patient.intensities for patient in self.training]
        known = [span for span in spans if span is not None]
        if not known or len(known) < len(spans):
            return None
        return tuple(joint_range(list(channel)) for channel in zip(*known, strict=True))

    def _sides(self) -> dict[str, tuple[PatientSlices, ...]]:
        return {"training": self.training, "selection": self.selection, "validation": self.validation}
