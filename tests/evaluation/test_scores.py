import numpy as np
import pytest

from trimformer.data.patient import Patient
from trimformer.data.preparation.slices import PatientSlices, to_slices
from trimformer.data.preprocessing import Preprocessing
from trimformer.evaluation.scores import mean_over_classes, patient_means, score_patient, summarise_label

LABELS = {1: "liver", 2: "spleen"}
SHAPE = (6, 6, 4)


def volume(*boxes: tuple[int, slice]) -> np.ndarray:
    labels = np.zeros(SHAPE, dtype=np.uint8)
    for value, rows in boxes:
        labels[rows] = value
    return labels


def patient(labels: np.ndarray, patient_id: str = "p") -> PatientSlices:
    image = np.arange(labels.size, dtype=np.float32).reshape(SHAPE)
    return to_slices(Patient(patient_id, image, labels, np.diag([1.0, 1.0, 2.0, 1.0])), Preprocessing(16))


TRUTH = volume((1, slice(0, 2)))  # a liver, no spleen


def test_both_present_has_every_score() -> None:
    score = score_patient(volume((1, slice(0, 1))), patient(TRUTH), LABELS)["liver"]
    assert score.case == "both"
    assert score.dice == pytest.approx(2 / 3)
    assert score.hd95_mm == pytest.approx(1.0)


def test_both_empty_is_absent_and_left_out_of_the_mean() -> None:
    score = score_patient(TRUTH, patient(TRUTH), LABELS)["spleen"]
    assert (score.dice, score.hd95_mm, score.case) == (None, None, "absent")
    summary = summarise_label([score])
    assert (summary.mean, summary.absent) == (None, 1)


def test_a_false_alarm_scores_zero() -> None:
    score = score_patient(volume((2, slice(0, 1))), patient(TRUTH), LABELS)["spleen"]
    assert (score.dice, score.hd95_mm, score.case) == (0.0, None, "false_alarm")


def test_a_missed_organ_scores_zero_and_the_diagonal() -> None:
    score = score_patient(volume(), patient(TRUTH), LABELS)["liver"]
    assert (score.dice, score.case) == (0.0, "missed")
    assert score.hd95_mm == pytest.approx(np.sqrt(6**2 + 6**2 + 8**2))


def test_the_main_figure_is_the_mean_over_classes_of_the_means_over_patients() -> None:
    # The spleen is absent in the first patient: a plain mean over all scores would differ.
    first = score_patient(TRUTH, patient(TRUTH), LABELS)  # liver 1, spleen absent
    truth = volume((1, slice(0, 2)), (2, slice(4, 6)))
    second = score_patient(volume((1, slice(0, 1))), patient(truth), LABELS)  # liver 2/3, spleen missed
    patients = {"a": first, "b": second}
    summary = {name: summarise_label(scores[name] for scores in patients.values()) for name in ("liver", "spleen")}
    assert summary["liver"].mean == pytest.approx(5 / 6)
    assert (summary["spleen"].mean, summary["spleen"].missed, summary["spleen"].absent) == (0.0, 1, 1)
    mean, interval = mean_over_classes(summary, patients)
    assert mean == pytest.approx(5 / 12)
    assert patient_means(patients) == pytest.approx({"a": 1.0, "b": 1 / 3})
    assert interval is not None
