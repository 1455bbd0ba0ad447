"""Which block lets one organ see another, in words and numbers, from the measured attention between organs."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from trimformer.records.errors import UserError
from trimformer.records.intervals import mean_interval
from trimformer.records.patient_measures import PatientMeasures


@dataclass(frozen=True)
class Sight:
    """From which block on the queries on one organ attend to another more than uniform attention would."""

    query_organ: str
    key_organ: str
    block: int | None
    """Counted from 1; None where no block does."""
    over_uniform: tuple[float, ...]
    """Block by block, the mean over patients of the attention divided by uniform attention; NaN where none has both."""
    num_patients: int
    """Patients with both organs in one slice."""

    def __str__(self) -> str:
        """The answer as a sentence."""
        if self.num_patients < 2:
            return f"{self.num_patients} patients show {self.query_organ} and {self.key_organ}: too few to tell."
        if self.block is None:
            return f"No block lets the {self.query_organ} see the {self.key_organ} more than uniform attention would."
        factor = self.over_uniform[self.block - 1]
        return (
            f"Block {self.block} is the first that lets the {self.query_organ} see the {self.key_organ}: "
            f"{factor:.2f} times uniform attention."
        )


def first_sights(organs: PatientMeasures) -> list[Sight]:
    """For every two organs the first block whose attention from one to the other exceeds uniform attention.

    It does where the lower 95 % bound over patients of their head mean is above 1. With many pairs and blocks some
    will be found by chance: nothing is corrected for that.

    Args:
        organs: From `measure_organs`.

    Raises:
        UserError: They are other measures.

    Example:
        >>> over = np.array([[0.9, 1.6], [0.8, 1.5], [0.9, 1.55]])  # three patients, two blocks
        >>> about = {"organs": ["liver"]}
        >>> measures = PatientMeasures(("a", "b", "c"), {"over_uniform": over[..., None, None, None]}, about=about)
        >>> print(first_sights(measures)[0])
        Block 2 is the first that lets the liver see the liver: 1.55 times uniform attention.
    """
    over, names = organs.measures.get("over_uniform"), organs.about.get("organs")
    if over is None or names is None:
        raise UserError(
            "Which organ sees which is read from the attention between organs",
            ", ".join(organs.measures) or "no measure",
            "Give what measure_organs returned.",
        )
    heads = over.mean(axis=2)  # a patient has both organs for all heads or for none
    return [
        _sight(heads[:, :, a, b], query_organ, key_organ)
        for a, query_organ in enumerate(names)
        for b, key_organ in enumerate(names)
    ]


def sight_table(sights: list[Sight]) -> Mapping[str, Mapping[str, int | None]]:
    """The blocks by query organ and key organ."""
    table: dict[str, dict[str, int | None]] = {}
    for sight in sights:
        table.setdefault(sight.query_organ, {})[sight.key_organ] = sight.block
    return table


def _sight(over: np.ndarray, query_organ: str, key_organ: str) -> Sight:
    """From values (patients, blocks)."""
    estimates = [mean_interval(block) for block in over.T]
    seen = (index for index, (_, interval) in enumerate(estimates, start=1) if interval and interval[0] > 1)
    means = tuple(mean for mean, _ in estimates)
    return Sight(query_organ, key_organ, next(seen, None), means, int(np.isfinite(over).all(axis=1).sum()))
