"""Scores of one patient, and their means over patients."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from jaxtyping import UInt8
from scipy import ndimage

from trimformer.data.preparation.slices import PatientSlices
from trimformer.metrics.crossed import crossed_mean
from trimformer.metrics.dice import dice, empty_mask_case
from trimformer.metrics.surface import diagonal, hd95, surface_dice, surface_distances
from trimformer.records.evaluation import Empty, Interval, LabelSummary, Score

SURFACE_TOLERANCE_MM = 1.0

LabelMap = UInt8[np.ndarray, "x y z"]
Scores = Mapping[str, Mapping[str, Score]]
"""Patient, class, score."""

Scorer = Callable[[LabelMap, PatientSlices, Mapping[int, str], Empty], dict[str, Score]]
"""Scores one patient's prediction: by volume as `score_patient` does, or by slice."""

TRANSUNET_EMPTY = {"absent": 0.0, "missed": 0.0, "false_alarm": 1.0}
"""What TransUNet's program (`calculate_metric_percase`) gives as Dice to an empty mask; its HD95 is then 0."""


def score_patient(
    prediction: LabelMap, patient: PatientSlices, labels: Mapping[int, str], empty: Empty = "left_out"
) -> dict[str, Score]:
    """Score every foreground label of one patient on the patient's own grid.

    An empty mask follows one rule: both empty, the class is left out of the mean ("absent"); only the truth empty,
    Dice 0 ("false alarm"); only the prediction empty, Dice 0 and the volume's diagonal as HD95 ("missed"). `empty`
    may ask for the rule of TransUNet's own program instead, to compare with figures that it printed.
    """
    truth = true_labels(patient)
    highest = max(labels)
    boxes = [ndimage.find_objects(volume, highest) for volume in (prediction, truth)]
    scores = {}
    for value, name in labels.items():
        box = _around([found[value - 1] for found in boxes])
        scores[name] = _score(prediction[box] == value, truth[box] == value, patient, empty)
    return scores


def true_labels(patient: PatientSlices) -> LabelMap:
    """The patient's labels on the patient's own grid."""
    assert patient.true_labels is not None, "only labelled patients are scored"
    return patient.true_labels()


def _around(boxes: Iterable[tuple[slice, ...] | None]) -> tuple[slice, ...]:
    """The smallest box that holds all boxes; an empty one where there is none."""
    found = [box for box in boxes if box is not None]
    if not found:
        return (slice(0, 0),) * 3
    return tuple(slice(min(s.start for s in along), max(s.stop for s in along)) for along in zip(*found, strict=True))


def _score(prediction: np.ndarray, truth: np.ndarray, patient: PatientSlices, empty: Empty) -> Score:
    case = empty_mask_case(prediction, truth)
    if case == "both":
        distances = surface_distances(prediction, truth, patient.grid.spacing_mm)
        return Score(
            dice=dice(prediction, truth),
            hd95_mm=hd95(distances),
            surface_dice=surface_dice(distances, SURFACE_TOLERANCE_MM),
            case=case,
        )
    if empty == "transunet":
        return Score(dice=TRANSUNET_EMPTY[case], hd95_mm=0.0, surface_dice=None, case=case)
    if case == "absent":
        return Score(dice=None, hd95_mm=None, surface_dice=None, case=case)
    far = diagonal(patient.grid.shape, patient.grid.spacing_mm) if case == "missed" else None
    return Score(dice=0.0, hd95_mm=far, surface_dice=0.0, case=case)


def summarise_label(scores: Iterable[Score]) -> LabelSummary:
    """Mean Dice of one label over patients, with its interval and the counts of empty masks."""
    scores = list(scores)
    cases = [score.case for score in scores]
    estimate = crossed_mean(np.array([[np.nan if score.dice is None else score.dice] for score in scores]))
    return LabelSummary(
        mean=None if np.isnan(estimate.mean) else estimate.mean,
        ci95=estimate.ci95,
        absent=cases.count("absent"),
        missed=cases.count("missed"),
        false_alarm=cases.count("false_alarm"),
    )


def patient_shares(patients: Scores) -> dict[str, float]:
    """What each patient contributes to the main figure; NaN where every class is absent.

    The main figure is the mean over classes of the means over patients. Where no class is absent, a patient's share is
    the mean over the patient's own classes. Where one is, patients with fewer classes would count too much in that, and
    an interval over them would not even hold the main figure. A share is therefore the main figure's first-order
    change with the patient's weight (the influence function, Hampel 1974),

        share_p = mean over classes c of [ m_c + (N / n_c) (dice_pc - m_c) ],

    m_c being the mean of the n_c patients that have class c, out of N that have any, and the second term 0 where class
    c is absent. The mean of the shares is the main figure, and their spread gives its interval.
    """
    found = {
        key: {name: s.dice for name, s in scores.items() if s.dice is not None} for key, scores in patients.items()
    }
    present = [scores for scores in found.values() if scores]
    by_class: dict[str, list[float]] = {}
    for name, value in (pair for scores in present for pair in scores.items()):
        by_class.setdefault(name, []).append(value)
    means = {name: float(np.mean(values)) for name, values in by_class.items()}
    weights = {name: len(present) / len(values) for name, values in by_class.items()}

    def share(scores: Mapping[str, float]) -> float:
        return float(np.mean([means[c] + weights[c] * (scores.get(c, means[c]) - means[c]) for c in means]))

    return {key: share(scores) if scores else float("nan") for key, scores in found.items()}


def mean_over_classes(patients: Scores) -> tuple[float | None, Interval | None]:
    """The main figure, the mean over classes of the means over patients, and its 95 % interval over patients."""
    estimate = crossed_mean(np.array(list(patient_shares(patients).values()), dtype=np.float64)[:, None])
    return (None if np.isnan(estimate.mean) else estimate.mean), estimate.ci95
