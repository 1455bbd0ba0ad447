"""Scores of one patient, and their means over patients."""

from collections.abc import Iterable, Mapping

import numpy as np
from jaxtyping import UInt8

from trimformer.data.preparation.slices import PatientSlices
from trimformer.metrics.dice import dice, empty_mask_case
from trimformer.metrics.surface import diagonal, hd95, surface_dice
from trimformer.records.evaluation import Interval, LabelSummary, Score
from trimformer.records.intervals import mean_interval

SURFACE_TOLERANCE_MM = 1.0


def score_patient(
    prediction: UInt8[np.ndarray, "x y z"], patient: PatientSlices, labels: Mapping[int, str]
) -> dict[str, Score]:
    """Score every foreground label of one patient on the patient's own grid.

    An empty mask follows one rule: both empty, the class is left out of the mean ("absent"); only the truth empty,
    Dice 0 ("false alarm"); only the prediction empty, Dice 0 and the volume's diagonal as HD95 ("missed").
    """
    assert patient.true_labels is not None, "only labelled patients are scored"
    truth = patient.true_labels()
    return {
        name: _score(prediction == value, truth == value, patient.grid.spacing_mm) for value, name in labels.items()
    }


def _score(prediction: np.ndarray, truth: np.ndarray, spacing_mm: tuple[float, float, float]) -> Score:
    case = empty_mask_case(prediction, truth)
    if case == "absent":
        return Score(dice=None, hd95_mm=None, surface_dice=None, case=case)
    if case == "false_alarm":
        return Score(dice=0.0, hd95_mm=None, surface_dice=0.0, case=case)
    if case == "missed":
        return Score(dice=0.0, hd95_mm=diagonal(truth.shape, spacing_mm), surface_dice=0.0, case=case)
    return Score(
        dice=dice(prediction, truth),
        hd95_mm=hd95(prediction, truth, spacing_mm),
        surface_dice=surface_dice(prediction, truth, spacing_mm, SURFACE_TOLERANCE_MM),
        case=case,
    )


def summarise_label(scores: Iterable[Score]) -> LabelSummary:
    """Mean Dice of one label over patients, with its interval and the counts of empty masks."""
    scores = list(scores)
    cases = [score.case for score in scores]
    mean, interval = mean_interval(np.array([np.nan if s.dice is None else s.dice for s in scores]))
    return LabelSummary(
        mean=None if np.isnan(mean) else mean,
        ci95=interval,
        absent=cases.count("absent"),
        missed=cases.count("missed"),
        false_alarm=cases.count("false_alarm"),
    )


def patient_means(patients: Mapping[str, Mapping[str, Score]]) -> dict[str, float]:
    """The mean Dice over the classes of every patient; NaN where all of them are absent."""
    means = {}
    for patient_id, scores in patients.items():
        values = [score.dice for score in scores.values() if score.dice is not None]
        means[patient_id] = float(np.mean(values)) if values else float("nan")
    return means


def mean_over_classes(
    summary: Mapping[str, LabelSummary], patients: Mapping[str, Mapping[str, Score]]
) -> tuple[float | None, Interval | None]:
    """The main figure: the mean over classes of the means over patients; its interval is over patients' own means."""
    values = [label.mean for label in summary.values() if label.mean is not None]
    _, interval = mean_interval(np.array(list(patient_means(patients).values())))
    return (float(np.mean(values)) if values else None), interval
