"""Frozen scores of one model on a set of patients."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from trimformer.records.errors import UserError
from trimformer.records.files import read_json, write_json

Case = Literal["both", "absent", "missed", "false_alarm"]
Interval = tuple[float, float]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Score(_Frozen):
    """One class of one patient; None where the case leaves a score undefined."""

    dice: float | None
    hd95_mm: float | None
    surface_dice: float | None
    case: Case


class LabelSummary(_Frozen):
    """Mean Dice of one class over patients, with the counts of its empty masks."""

    mean: float | None
    ci95: Interval | None
    absent: int
    missed: int
    false_alarm: int


class Evaluation(_Frozen):
    """The content of `evaluation.json`; `labels` maps label values to names, the rest is keyed by name."""

    labels: dict[int, str]
    grid: Literal["native", "model"]
    split: str
    checkpoint: Literal["best", "last"]
    patients: dict[str, dict[str, Score]]
    summary: dict[str, LabelSummary]
    mean: float | None
    ci95: Interval | None

    def save(self, path: Path) -> None:
        """Write the scores as JSON."""
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def load(cls, path: Path) -> "Evaluation":
        """Read scores.

        Raises:
            UserError: The file is missing or is not an evaluation.
        """
        next_step = "Run trimformer evaluate on that run."
        try:
            return cls.model_validate(read_json(path, next_step))
        except ValidationError as error:
            raise UserError("The file must be an evaluation", f"{path}: {error}", next_step) from None
