"""What a run folder holds beside its attention profile, as far as it has been measured."""

from dataclasses import dataclass
from pathlib import Path

from trimformer.records.causal_radius import CausalRadius
from trimformer.records.patient_measures import PatientMeasures
from trimformer.records.run_folder import RunFolder
from trimformer.records.skipped_blocks import SkippedBlocks


@dataclass(frozen=True)
class MeasuredRun:
    """Each measure of a run, None where it was not made."""

    receptive_field: PatientMeasures | None = None
    similarity: PatientMeasures | None = None
    organs: PatientMeasures | None = None
    causal_radius: CausalRadius | None = None
    skipped_blocks: SkippedBlocks | None = None

    @classmethod
    def of(cls, run: RunFolder) -> "MeasuredRun":
        """Read what lies in the folder.

        Raises:
            UserError: A file that is there is damaged.
        """
        return cls(
            _measures(run, "receptive_field"),
            _measures(run, "similarity"),
            _measures(run, "organs"),
            CausalRadius.load(file) if _there(file := run.causal_radius_file) else None,
            SkippedBlocks.load(file) if _there(file := run.skipped_blocks_file) else None,
        )


def _measures(run: RunFolder, name: str) -> PatientMeasures | None:
    files = run.measure_files(name)
    return PatientMeasures.load(*files, "Measure that run again.") if all(map(_there, files)) else None


def _there(file: Path) -> bool:
    return file.is_file()
