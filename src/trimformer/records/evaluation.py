"""Frozen scores of one model on a set of patients."""

from pathlib import Path
from typing import Literal

from trimformer.records.frozen import Frozen, read_record

Case = Literal["both", "absent", "missed", "false_alarm"]
Interval = tuple[float, float]


class Score(Frozen):
    """One class of one patient; None where the case leaves a score undefined."""

    dice: float | None
    hd95_mm: float | None
    surface_dice: float | None
    case: Case


class LabelSummary(Frozen):
    """Mean Dice of one class over patients, with the counts of its empty masks."""

    mean: float | None
    ci95: Interval | None
    absent: int
    missed: int
    false_alarm: int


class Evaluation(Frozen):
    """The content of `evaluation.json`; `labels` maps label values to names, the rest is keyed by name."""

    labels: dict[int, str]
    grid: Literal["native", "model"]
    split: str
    checkpoint: Literal["best", "last"]
    patients: dict[str, dict[str, Score]]
    summary: dict[str, LabelSummary]
    mean: float | None
    ci95: Interval | None

    @classmethod
    def load(cls, path: Path) -> "Evaluation":
        """Read an evaluation.

        Raises:
            UserError: The file is missing or is not an evaluation.
        """
        return read_record(cls, path, "an evaluation", "Run trimformer evaluate on that run.")
