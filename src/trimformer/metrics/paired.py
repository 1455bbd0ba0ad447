"""Two models on the same patients."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy import stats

from trimformer.records.evaluation import Interval
from trimformer.records.intervals import mean_interval

MIN_PAIRS = 6
"""With fewer pairs no test is printed as if it meant something."""

Verdict = Literal["not inferior", "inferior", "undecided", "too few patients"]


class PairedDifference(NamedTuple):
    """Mean of (model - reference) over patients, its 95 % interval, and the paired t-test's two-sided p-value."""

    mean: float
    ci95: Interval | None
    p_value: float | None
    pairs: int


def paired_difference(model: np.ndarray, reference: np.ndarray) -> PairedDifference:
    """Compare two models by one score a patient each, (patients,); pairs with a NaN do not count."""
    differences = (model - reference)[np.isfinite(model - reference)]
    mean, interval = mean_interval(differences)
    if differences.size < MIN_PAIRS:
        return PairedDifference(mean, interval, None, int(differences.size))
    p_value = 1.0 if np.ptp(differences) == 0 else float(stats.ttest_1samp(differences, 0.0).pvalue)
    return PairedDifference(mean, interval, p_value, int(differences.size))


def verdict(difference: PairedDifference, margin: float) -> Verdict:
    """Whether a model is worse than its reference by more than the margin, as far as the interval tells."""
    if difference.pairs < MIN_PAIRS or difference.ci95 is None:
        return "too few patients"
    low, high = difference.ci95
    if low > -margin:
        return "not inferior"
    return "inferior" if high < -margin else "undecided"


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for looking several times (Holm 1979), in the order given.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values)
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.minimum(np.maximum.accumulate(np.asarray(p_values)[order] * factors), 1.0)
    result = np.empty(len(p_values))
    result[order] = adjusted
    return [float(value) for value in result]
