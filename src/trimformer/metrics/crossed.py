"""The mean over patients crossed with seeds, and how sure it is."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import stats

from trimformer.records.evaluation import Interval
from trimformer.records.intervals import mean_interval


class MeanEstimate(NamedTuple):
    """A mean with its 95 % interval; what lies behind the interval is NaN where there is none."""

    mean: float
    ci95: Interval | None
    standard_error: float
    degrees_of_freedom: float
    seed_variance: float
    """The part of the squared standard error that more patients would not make smaller."""
    patients: int


def crossed_mean(values: Float[np.ndarray, "patients seeds"]) -> MeanEstimate:
    """Mean of a score over patients and seeds, both taken as drawn from many, and its 95 % interval.

    The mean is the mean over seeds of each seed's own mean over the patients that have a number, so that it is the mean
    of what the single runs report. The interval rests on the patients that have a number with every seed. With one seed
    it is that of `mean_interval`; with S seeds and P patients it follows from the two-way layout without replicates,

        y_ps = mean + patient_p + seed_s + rest_ps,

    whose three effects are random. With the mean squares MS_p, MS_s and MS_r of patients, seeds and rest (the
    interaction), E MS_p = r + S p, E MS_s = r + P s and E MS_r = r in terms of the three variances, so that the
    variance of the mean, p / P + s / S + r / (P S), is estimated by (MS_p + MS_s - MS_r) / (P S). Student's t has
    Satterthwaite's (1946) degrees of freedom for that sum: its square over the sum of the squared mean squares, each
    over its own degrees of freedom. Where one of the variances p and s is estimated below zero it is taken as zero,
    which leaves the other's mean square alone (Searle, Casella and McCulloch, Variance Components, 1992, chapter 4).

    In simulations with 5 to 50 patients and 3 or 5 seeds the interval covers 92 to 97 %; with two seeds that differ
    more than patients do, 89 %: one degree of freedom is not enough to say more.
    """
    mean = _mean_of_means(values)
    complete = values[np.isfinite(values).all(axis=1)].astype(np.float64)
    num_patients, num_seeds = complete.shape
    if num_patients < 2:
        return MeanEstimate(mean, None, np.nan, np.nan, np.nan, num_patients)
    if num_seeds == 1:
        error = float(complete.std(ddof=1)) / np.sqrt(num_patients)
        return MeanEstimate(mean, mean_interval(complete[:, 0])[1], error, num_patients - 1.0, 0.0, num_patients)
    variance, freedom, seed_variance = _variance_of_mean(complete)
    error = float(np.sqrt(variance))
    half = float(stats.t.ppf(0.975, freedom)) * error
    return MeanEstimate(mean, (mean - half, mean + half), error, freedom, seed_variance, num_patients)


def _mean_of_means(values: Float[np.ndarray, "patients seeds"]) -> float:
    by_seed = [column[np.isfinite(column)] for column in values.T]
    means = [float(column.mean()) for column in by_seed if column.size]
    return float(np.mean(means)) if means else float("nan")


def _variance_of_mean(values: Float[np.ndarray, "patients seeds"]) -> tuple[float, float, float]:
    """The variance of the mean, its degrees of freedom, and the seeds' share of it."""
    num_patients, num_seeds = values.shape
    by_patient, by_seed, mean = values.mean(axis=1, keepdims=True), values.mean(axis=0, keepdims=True), values.mean()
    freedoms = np.array([num_patients - 1, num_seeds - 1, (num_patients - 1) * (num_seeds - 1)])
    squares = [
        num_seeds * ((by_patient - mean) ** 2).sum(),
        num_patients * ((by_seed - mean) ** 2).sum(),
        ((values - by_patient - by_seed + mean) ** 2).sum(),
    ]
    patients, seeds, rest = (float(square) for square in squares / freedoms)
    seed_variance = max(seeds - rest, 0.0) / values.size
    if seeds <= rest:
        return patients / values.size, float(freedoms[0]), seed_variance
    if patients <= rest:
        return seeds / values.size, float(freedoms[1]), seed_variance
    total = patients + seeds - rest
    freedom = total**2 / (np.array([patients, seeds, rest]) ** 2 / freedoms).sum()
    return total / values.size, float(freedom), seed_variance
