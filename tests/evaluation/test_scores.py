import numpy as np
import pytest
from scipy import stats

from trimformer.data.patient import Patient
from trimformer.data.preparation.slices import PatientSlices, to_slices
from trimformer.data.preprocessing import Preprocessing
from trimformer.evaluation.scores import mean_over_classes, patient_shares, score_patient, summarise_label
from trimformer.evaluation.slice_scores import score_slices
from trimformer.metrics.surface import hd95, surface_dice, surface_distances
from trimformer.records.evaluation import Score

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
    mean, interval = mean_over_classes(patients)
    assert mean == pytest.approx(5 / 12)
    # a: (5/6 + (1 - 5/6) and the spleen's mean 0) / 2; b: (5/6 + (2/3 - 5/6) and 0) / 2
    assert patient_shares(patients) == pytest.approx({"a": 1 / 2, "b": 1 / 3})
    half = stats.t.ppf(0.975, 1) * abs(1 / 2 - 1 / 3) / 2
    assert interval == pytest.approx((5 / 12 - half, 5 / 12 + half))


def scored(**dice: float | None) -> dict[str, Score]:
    return {
        name: Score(dice=value, hd95_mm=None, surface_dice=None, case="absent" if value is None else "both")
        for name, value in dice.items()
    }


def test_the_interval_is_that_of_the_main_figure_where_half_the_patients_lack_a_hard_class() -> None:
    # As in EMIDEC: with each patient's own mean the healthy would lift the interval above the figure that it is for.
    random = np.random.default_rng(0)
    healthy = {f"h{i}": scored(wall=0.9 + 0.02 * random.standard_normal(), scar=None) for i in range(8)}
    ill = {
        f"i{i}": scored(wall=0.9 + 0.02 * random.standard_normal(), scar=0.5 + 0.05 * random.standard_normal())
        for i in range(8)
    }
    patients = healthy | ill
    walls = np.array([scores["wall"].dice for scores in patients.values()])
    scars = np.array([scores["scar"].dice for scores in ill.values()])
    mean, interval = mean_over_classes(patients)
    assert mean == pytest.approx((walls.mean() + scars.mean()) / 2)
    assert interval is not None
    assert mean is not None
    assert interval[0] < mean < interval[1]
    # The figure's standard error by the delete-one jackknife, which knows nothing of the shares.
    without = [{key: scores for key, scores in patients.items() if key != left} for left in patients]
    left_out = np.array([mean_over_classes(some)[0] for some in without], dtype=np.float64)
    error = np.sqrt(15 / 16 * np.sum((left_out - left_out.mean()) ** 2))
    assert interval[1] - interval[0] == pytest.approx(2 * stats.t.ppf(0.975, 15) * error, rel=0.1)


def test_shares_are_the_patients_own_means_where_nothing_is_absent() -> None:
    patients = {"a": scored(x=0.5, y=0.7), "b": scored(x=0.9, y=0.8)}
    assert patient_shares(patients) == pytest.approx({"a": 0.6, "b": 0.85})
    assert np.isnan(patient_shares(patients | {"c": scored(x=None, y=None)})["c"])


def test_the_original_programs_rule_for_empty_masks() -> None:
    alarm = score_patient(volume((1, slice(0, 2)), (2, slice(4, 6))), patient(TRUTH), LABELS, "transunet")["spleen"]
    missed = score_patient(volume(), patient(TRUTH), LABELS, "transunet")
    assert (alarm.dice, alarm.hd95_mm, alarm.case) == (1, 0, "false_alarm")
    assert (missed["liver"].dice, missed["liver"].hd95_mm, missed["liver"].case) == (0, 0, "missed")
    assert (missed["spleen"].dice, missed["spleen"].hd95_mm, missed["spleen"].case) == (0, 0, "absent")


def test_scores_do_not_depend_on_the_box_that_they_are_computed_in() -> None:
    random = np.random.default_rng(0)
    truth, drawn = (random.integers(0, 3, SHAPE, dtype=np.uint8) for _ in range(2))
    score = score_patient(drawn, patient(truth), LABELS)["spleen"]
    distances = surface_distances(drawn == 2, truth == 2, (1.0, 1.0, 2.0))
    assert score.hd95_mm == hd95(distances)
    assert score.surface_dice == surface_dice(distances, 1.0)
    assert score.dice == pytest.approx(
        2 * ((drawn == 2) & (truth == 2)).sum() / ((drawn == 2).sum() + (truth == 2).sum())
    )


def test_dice_by_slice_leaves_out_slices_without_the_class() -> None:
    truth, drawn = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    truth[:2, :, 0] = truth[:2, :, 1] = 1
    drawn[:1, :, 0] = drawn[:1, :, 2] = 1
    liver = score_slices(drawn, patient(truth), LABELS)["liver"]
    assert liver.dice == pytest.approx((2 / 3 + 0 + 0) / 3)  # slice 3 has no liver at all
    assert (liver.hd95_mm, liver.surface_dice, liver.case) == (None, None, "both")
    assert score_slices(drawn, patient(truth), LABELS)["spleen"].dice is None
    as_printed = score_slices(drawn, patient(truth), LABELS, "transunet")["liver"]
    assert as_printed.dice == pytest.approx((2 / 3 + 0 + 1 + 0) / 4)
