"""What a criterion's thresholds would have answered on several sweeps, and what that costs."""

from collections.abc import Mapping, Sequence

import numpy as np

from trimformer.records.judgement import AtThreshold, JudgedSweep

ByThreshold = Mapping[str, AtThreshold]
"""Of one sweep."""


def of_criterion(criterion: str, sweeps: Sequence[JudgedSweep]) -> list[ByThreshold]:
    """What it told of each sweep that it was asked about."""
    return [each.by_threshold for sweep in sweeps for each in sweep.criteria if each.criterion == criterion]


def shared_thresholds(found: Sequence[ByThreshold]) -> list[str]:
    """Those that all sweeps have an answer for."""
    return [key for key in found[0] if all(key in each for each in found)] if found else []


def mean_blocks(found: Sequence[ByThreshold], key: str) -> float:
    """Blocks answered at a threshold, each sweep counting as much as another."""
    return float(np.mean([each[key].blocks for each in found]))


def mean_regret(found: Sequence[ByThreshold], key: str) -> float:
    """Regret at a threshold, in Dice, each sweep counting as much as another."""
    return float(np.mean([each[key].regret.mean for each in found]))


def worst_regret(found: Sequence[ByThreshold], key: str) -> float:
    """The largest regret of any sweep, in Dice."""
    return max(each[key].regret.mean for each in found)
