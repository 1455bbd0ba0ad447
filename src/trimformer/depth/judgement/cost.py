"""What the criteria's measures cost, beside the trainings of a sweep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trimformer.depth.criteria.catalogue import CRITERIA
from trimformer.records.history import read_history
from trimformer.records.run_folder import RunFolder

Seconds = Mapping[str, float | None]
"""Of each measure, None where it was there before."""


@dataclass(frozen=True)
class Spent:
    """Seconds by the clock, a seed each: of measures, and of the trainings of all depths."""

    measuring: Sequence[Seconds]
    training: Sequence[float]

    def seconds(self, criterion: str) -> float | None:
        """Mean over seeds of what the criterion reads; None where that is not known of every seed."""
        found = self._of(criterion)
        return None if found is None else float(np.mean(found))

    def share_of_sweep(self, criterion: str) -> float | None:
        """The same over the seconds of the trainings."""
        found = self._of(criterion)
        if found is None or min(self.training) <= 0:
            return None
        return float(np.mean(np.array(found) / np.array(self.training)))

    def _of(self, criterion: str) -> list[float] | None:
        found = []
        for of_seed in self.measuring:
            parts = [of_seed.get(measure) for measure in CRITERIA[criterion].reads]
            known = [part for part in parts if part is not None]
            if len(known) < len(parts):
                return None
            found.append(float(sum(known)))
        return found


def training_seconds(runs: Sequence[RunFolder]) -> float:
    """Of all epochs of these runs; one without a time makes the sum unknown, which is 0 here.

    Raises:
        UserError: A history is missing or damaged.
    """
    total = sum(float(read_history(run.history_file)["seconds"].sum()) for run in runs)
    return total if np.isfinite(total) else 0.0
