"""Thresholds fitted with one task or one model left out, and what they cost on the one that was left out."""

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from trimformer.depth.criteria.catalogue import CRITERIA
from trimformer.records.judgement import JudgedSweep, LeftOut


def fitted_without(sweeps: Sequence[JudgedSweep]) -> tuple[LeftOut, ...]:
    """For each task and each model, every threshold that does best on the sweeps of all others.

    Best is the smallest mean regret, a sweep counting as much as another; of equal thresholds the one nearest to the
    catalogue's. Empty with one task and one model.

    Args:
        sweeps: Of one study or of several; those that could not be judged are passed over.
    """
    judged = [sweep for sweep in sweeps if sweep.criteria]
    return tuple(row for kind in ("task", "model") for row in _by(kind, judged))


def _by(kind: Literal["task", "model"], sweeps: Sequence[JudgedSweep]) -> Iterator[LeftOut]:
    for name in dict.fromkeys(getattr(sweep, kind) for sweep in sweeps):
        inside = [sweep for sweep in sweeps if getattr(sweep, kind) == name]
        others = [sweep for sweep in sweeps if getattr(sweep, kind) != name]
        for criterion in CRITERIA:
            regrets, of_others = _regrets(criterion, inside), _regrets(criterion, others)
            if not (shared := [key for key in of_others if key in regrets]):
                continue
            best = min(shared, key=lambda key: (round(of_others[key], 9), _from_default(criterion, key)))
            yield LeftOut(
                left_out=name,
                kind=kind,
                criterion=criterion,
                threshold=best,
                regret_of_others=of_others[best],
                regret=regrets[best],
                regret_of_default=_mean_regret(criterion, inside),
            )


def _regrets(criterion: str, sweeps: Sequence[JudgedSweep]) -> dict[str, float]:
    """Mean over sweeps at every threshold that all of them have."""
    found = [each.regret_by_threshold for sweep in sweeps for each in sweep.criteria if each.criterion == criterion]
    keys = [key for key in found[0] if all(key in each for each in found)] if found else []
    return {key: float(np.mean([each[key] for each in found])) for key in keys}


def _mean_regret(criterion: str, sweeps: Sequence[JudgedSweep]) -> float:
    return float(
        np.mean(
            [each.regret.mean for sweep in sweeps for each in sweep.criteria if each.criterion == criterion],
        )
    )


def _from_default(criterion: str, threshold: str) -> float:
    return abs(float(threshold) - CRITERIA[criterion].threshold)
