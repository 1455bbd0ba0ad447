"""Named measures of every patient, with what they mean over patients, in two files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from trimformer.records.errors import UserError
from trimformer.records.files import read_arrays, read_json, write_arrays, write_json
from trimformer.records.intervals import summarise_patients

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class PatientMeasures:
    """Measures of one model per patient.

    `measures` holds `name -> (patients, ...)`, NaN where a patient has no value; `pictures` holds arrays to be looked
    at, already pooled over the patients; `about` holds plain facts (names of blocks, settings) as JSON knows them.
    """

    patient_ids: tuple[str, ...]
    measures: Arrays
    pictures: Arrays = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """Mean over patients and its 95 % interval (`mean`, `low`, `high`), as nested lists, by measure."""
        return {name: summarise_patients(array) for name, array in self.measures.items()}

    def save(self, summary_file: Path, arrays_file: Path) -> None:
        """Write the means with intervals as JSON, and every patient's values as npz."""
        groups = {"measures": self.measures, "pictures": self.pictures}
        arrays = {f"{group}/{name}": array for group, named in groups.items() for name, array in named.items()}
        write_arrays(arrays_file, arrays)
        document = {"patient_ids": list(self.patient_ids), "about": dict(self.about), "measures": self.summary()}
        write_json(summary_file, document)

    @classmethod
    def load(cls, summary_file: Path, arrays_file: Path, next_step: str) -> "PatientMeasures":
        """Read what `save` wrote.

        Args:
            summary_file: The JSON file.
            arrays_file: The npz file.
            next_step: What the user can do where a file is missing or damaged.

        Raises:
            UserError: A file is missing or damaged.
        """
        summary = read_json(summary_file, next_step)
        groups: dict[str, Arrays] = {"measures": {}, "pictures": {}}
        for key, array in read_arrays(arrays_file, next_step).items():
            group, _, name = key.partition("/")
            groups.setdefault(group, {})[name] = array
        try:
            return cls(tuple(summary["patient_ids"]), groups["measures"], groups["pictures"], summary["about"])
        except (KeyError, TypeError):
            raise UserError("The file must hold measures of patients", summary_file, next_step) from None
