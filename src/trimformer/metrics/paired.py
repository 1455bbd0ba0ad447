"""Two models on the same patients."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import stats

from trimformer.metrics.crossed import MeanEstimate, crossed_mean

MIN_PAIRS = 6
"""With fewer pairs no test is printed as if it meant something."""

POWER = 0.8
"""The usual demand on a study: so likely it should find what is true."""

MAX_PATIENTS = 10_000

Scores = Float[np.ndarray, " patients"] | Float[np.ndarray, "patients seeds"]
Verdict = Literal["not inferior", "inferior", "undecided", "too few patients"]


class PairedDifference(NamedTuple):
    """Mean of (model - reference) with its 95 % interval, and the two-sided p-value of the t-test that it is zero."""

    estimate: MeanEstimate
    p_value: float | None
    """None with fewer than 6 pairs."""

    @property
    def pairs(self) -> int:
        """Patients that both models have a number for, with every seed."""
        return self.estimate.patients


def paired_difference(model: Scores, reference: Scores) -> PairedDifference:
    """Compare two models by the scores of the same patients, with the same seeds where there are several.

    The differences are taken patient by patient and seed by seed; `crossed_mean` says how their mean is judged.
    """
    differences = np.asarray(model - reference)
    estimate = crossed_mean(differences.reshape(len(differences), -1))
    return PairedDifference(estimate, _p_value(estimate) if estimate.patients >= MIN_PAIRS else None)


def _p_value(estimate: MeanEstimate) -> float:
    if estimate.standard_error <= 1e-12:  # every difference is the same, and there is nothing to judge it by
        return 1.0
    return float(2 * stats.t.sf(abs(estimate.mean) / estimate.standard_error, estimate.degrees_of_freedom))


def verdict(difference: PairedDifference, margin: float) -> Verdict:
    """Whether a model is worse than its reference by more than the margin, as far as the interval tells."""
    if difference.pairs < MIN_PAIRS or difference.estimate.ci95 is None:
        return "too few patients"
    low, high = difference.estimate.ci95
    if low > -margin:
        return "not inferior"
    return "inferior" if high < -margin else "undecided"


def power(difference: PairedDifference, margin: float) -> float | None:
    """How likely so many patients and seeds show a model that is as good as its reference to be not inferior.

    From the noncentral t distribution, with the spread of the differences as it was found; None without an interval.
    """
    estimate = difference.estimate
    if estimate.ci95 is None:
        return None
    return _power(estimate.standard_error, estimate.degrees_of_freedom, margin)


def patients_needed(difference: PairedDifference, margin: float) -> int | None:
    """The smallest number of patients whose `power` is 0.8, the seeds and the spread being as they were found.

    None without an interval, and where 10 000 would not do: seeds that differ too much need more seeds.
    """
    estimate = difference.estimate
    if estimate.ci95 is None:
        return None
    of_patients = estimate.standard_error**2 - estimate.seed_variance

    def power_with(patients: int) -> float:
        error = np.sqrt(of_patients * estimate.patients / patients + estimate.seed_variance)
        return _power(float(error), _freedom(estimate, patients), margin)

    candidates = range(MIN_PAIRS, MAX_PATIENTS + 1)
    found = bisect_left(candidates, POWER, key=power_with)
    return candidates[found] if found < len(candidates) else None


def _freedom(estimate: MeanEstimate, patients: int) -> float:
    """More patients add degrees of freedom only while it is they who limit the estimate, and not the seeds."""
    return estimate.degrees_of_freedom if estimate.seed_variance > 0 else patients - 1.0


def _power(standard_error: float, degrees_of_freedom: float, margin: float) -> float:
    if standard_error <= 1e-12:
        return 1.0
    limit = stats.t.ppf(0.975, degrees_of_freedom)
    return float(stats.nct.sf(limit, degrees_of_freedom, margin / standard_error))


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
