"""The content of `results.json`: several models side by side."""

from pathlib import Path
from typing import Any, Literal

from trimformer.records.evaluation import Interval
from trimformer.records.frozen import Frozen, read_record


class DiceSummary(Frozen):
    """Mean Dice over patients and classes, per class, and the 95 % interval over patients."""

    mean: float | None
    by_class: dict[str, float | None]
    ci95: Interval | None
    ci95_by_class: dict[str, Interval | None]
    absent: int
    missed: int
    false_alarm: int
    mean_last_epoch: float | None = None


class PairedTest(Frozen):
    """One model against the reference on the same patients; Holm-adjusted. None where fewer than 6 pairs are there."""

    mean_difference: float
    ci95: Interval | None
    p_value: float | None
    pairs: int
    verdict: Literal["not inferior", "inferior", "undecided", "too few patients"]


class ModelRow(Frozen):
    """One model of a comparison. Parameters and time are None for a baseline that is no network."""

    name: str
    role: str
    """What the row is there for: `reference`, `chosen depth`, `paper's depth`, `zero blocks`, `plain U-Net`, ..."""
    run: str | None
    """The run folder, relative to results.json."""
    size: str | None
    num_blocks: int | None
    decoder: str | None
    weights: str | None
    parameters: int | None
    parameters_transformer: int | None
    parameters_saved_percent: float | None
    parameters_saved_by_blocks_percent: float | None
    dice: DiceSummary
    dice_change_percent: float | None
    versus_reference: PairedTest | None
    milliseconds_per_slice: float | None


class PatientCounts(Frozen):
    """How many patients were trained on (with those that selected the epoch) and how many were reported."""

    train: int
    validation: int


class Results(Frozen):
    """Models side by side. The first row is the reference against which changes are counted."""

    dataset: str
    dataset_note: str
    patients: PatientCounts
    models: tuple[ModelRow, ...]
    depth: dict[str, Any] | None
    margin: float
    """The non-inferiority margin, in Dice."""
    seconds: dict[str, float]
    provenance: dict[str, Any]

    @classmethod
    def load(cls, path: Path) -> "Results":
        """Read a comparison.

        Raises:
            UserError: The file is missing or is not a comparison.
        """
        return read_record(cls, path, "a comparison", "Give a folder that a demo or a comparison made.")
