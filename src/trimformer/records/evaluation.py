"""Frozen scores of one model on a set of patients."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from trimformer.records.frozen import Frozen, read_record

Case = Literal["both", "absent", "missed", "false_alarm"]
Interval = tuple[float, float]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Millimetres = Annotated[float, Field(ge=0, allow_inf_nan=False)]

Unit = Literal["volume", "slice"]
"""What one Dice is taken over: a patient's volume, or each slice, the patient's score being the mean over slices."""

Empty = Literal["left_out", "transunet"]
"""What a class counts that both masks lack, and what the others of its empty masks: see `EMPTY_RULES`."""

EMPTY_RULES: dict[Empty, str] = {
    "left_out": "absent in both: left out of the mean; false alarm: Dice 0; missed: Dice 0, HD95 the volume's diagonal",
    "transunet": "as TransUNet's own program counts: absent in both: Dice 0; false alarm: Dice 1; missed: Dice 0; "
    "HD95 0 in all three",
}


class Score(Frozen):
    """One class of one patient; None where the case leaves a score undefined."""

    dice: Share | None
    hd95_mm: Millimetres | None
    surface_dice: Share | None
    case: Case


class LabelSummary(Frozen):
    """Mean Dice of one class over patients, with the counts of its empty masks."""

    mean: Finite | None
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
    mean: Finite | None
    ci95: Interval | None
    surface_tolerance_mm: float = 1.0
    unit: Unit = "volume"
    empty: Empty = "left_out"

    @model_validator(mode="after")
    def _is_whole(self) -> "Evaluation":
        """A score of each class for each patient: a mean over what is left would be taken for the whole."""
        names = set(self.labels.values())
        if not self.patients:
            raise ValueError("there is no patient in it")
        named = {patient: set(scores) for patient, scores in self.patients.items()} | {"the summary": set(self.summary)}
        for key, own in named.items():
            if differing := names ^ own:
                raise ValueError(f"{key} and the labels differ in {', '.join(sorted(differing))}")
        return self

    @classmethod
    def load(cls, path: Path) -> "Evaluation":
        """Read an evaluation.

        Raises:
            UserError: The file is missing or is not an evaluation.
        """
        return read_record(cls, path, "an evaluation", "Run trimformer evaluate on that run.")
