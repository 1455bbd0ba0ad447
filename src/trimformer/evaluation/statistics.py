"""Scores of several seeds become the means, intervals and tests of one row."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from trimformer.evaluation.scores import patient_shares
from trimformer.metrics.crossed import crossed_mean
from trimformer.metrics.paired import (
    PairedDifference,
    holm,
    paired_difference,
    patients_needed,
    power,
    verdict,
)
from trimformer.records.evaluation import Evaluation, Score
from trimformer.records.results import DiceSummary, PairedTest, SurfaceSummary

BySeed = Mapping[int, Evaluation]
"""One model's evaluations by seed, all of the same patients and labels."""


def dice_summary(evaluations: Sequence[Evaluation], last: Sequence[Evaluation] = ()) -> DiceSummary:
    """Mean Dice over patients, seeds and classes, with intervals over patients crossed with seeds.

    Args:
        evaluations: One a seed.
        last: The same for the weights of the last epoch.
    """
    by_class = {name: crossed_mean(_matrix(evaluations, name, _dice)) for name in evaluations[0].labels.values()}
    whole = crossed_mean(_columns(map(patient_shares, (one.patients for one in evaluations))))
    labels = [label for evaluation in evaluations for label in evaluation.summary.values()]
    return DiceSummary(
        mean=_number(whole.mean),
        by_class={name: _number(estimate.mean) for name, estimate in by_class.items()},
        ci95=whole.ci95,
        ci95_by_class={name: estimate.ci95 for name, estimate in by_class.items()},
        absent=sum(label.absent for label in labels),
        missed=sum(label.missed for label in labels),
        false_alarm=sum(label.false_alarm for label in labels),
        mean_last_epoch=mean_of([one.mean for one in last]),
    )


def surface_summary(evaluations: Sequence[Evaluation]) -> SurfaceSummary:
    """HD95 and surface Dice: means over patients and seeds, then over classes.

    The HD95 of a false alarm has no number, that of a missed structure is the volume's diagonal; read it beside their
    counts.
    """
    names = evaluations[0].labels.values()
    distances = {name: _class_mean(evaluations, name, lambda score: score.hd95_mm) for name in names}
    shares = {name: _class_mean(evaluations, name, lambda score: score.surface_dice) for name in names}
    return SurfaceSummary(
        tolerance_mm=evaluations[0].surface_tolerance_mm,
        hd95_mm=mean_of(distances.values()),
        hd95_mm_by_class=distances,
        surface_dice=mean_of(shares.values()),
        surface_dice_by_class=shares,
    )


def paired_tests(rows: Sequence[BySeed], references: Sequence[int | None], margin: float) -> list[PairedTest | None]:
    """Each row against its reference; p-values are adjusted over the rows that share a reference."""
    differences = [
        None if reference is None else difference(row, rows[reference])
        for row, reference in zip(rows, references, strict=True)
    ]
    adjusted: dict[int, float] = {}
    for shared in set(references):
        tested = [
            (index, found.p_value)
            for index, (found, reference) in enumerate(zip(differences, references, strict=True))
            if reference == shared and found is not None and found.p_value is not None
        ]
        values = holm([p_value for _, p_value in tested])
        adjusted |= {index: value for (index, _), value in zip(tested, values, strict=True)}
    return [found and _test(found, adjusted.get(index), margin) for index, found in enumerate(differences)]


def difference(model: BySeed, reference: BySeed) -> PairedDifference:
    """Model minus reference, patient by patient, and seed by seed with the seeds that both have.

    Without a common seed the means over seeds are compared, and the interval is over patients alone.
    """
    common = [seed for seed in model if seed in reference]
    own, other = (
        _columns(patient_shares(row[seed].patients) for seed in (common or row)) for row in (model, reference)
    )
    if not common:
        own, other = own.mean(axis=1), other.mean(axis=1)
    return paired_difference(own, other)


def _test(found: PairedDifference, p_value: float | None, margin: float) -> PairedTest:
    return PairedTest(
        mean_difference=found.estimate.mean,
        ci95=found.estimate.ci95,
        p_value=p_value,
        pairs=found.pairs,
        verdict=verdict(found, margin),
        power=power(found, margin),
        patients_needed=patients_needed(found, margin),
    )


def _dice(score: Score) -> float | None:
    return score.dice


def _class_mean(evaluations: Sequence[Evaluation], name: str, value: Callable[[Score], float | None]) -> float | None:
    return _number(crossed_mean(_matrix(evaluations, name, value)).mean)


def _matrix(evaluations: Sequence[Evaluation], name: str, value: Callable[[Score], float | None]) -> np.ndarray:
    """One score of one class, (patients, seeds); NaN where there is no number."""

    def numbers(evaluation: Evaluation) -> dict[str, float]:
        found = {key: value(scores[name]) for key, scores in evaluation.patients.items()}
        return {key: float("nan") if number is None else number for key, number in found.items()}

    return _columns(map(numbers, evaluations))


def _columns(seeds: Iterable[Mapping[str, float]]) -> np.ndarray:
    """(patients, seeds), the patients in the order of their ids."""
    return np.array([[of_seed[key] for key in sorted(of_seed)] for of_seed in seeds], dtype=np.float64).T


def _number(mean: float) -> float | None:
    return None if np.isnan(mean) else mean


def mean_of(values: Iterable[float | None]) -> float | None:
    """The mean of those that have a number; None where none has."""
    found = [value for value in values if value is not None]
    return float(np.mean(found)) if found else None
