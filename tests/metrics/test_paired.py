import numpy as np
import pytest
from scipy import stats

from trimformer.metrics.crossed import crossed_mean
from trimformer.metrics.paired import holm, paired_difference, patients_needed, power, verdict

REFERENCE = np.array([0.80, 0.82, 0.84, 0.86, 0.88, 0.90])
REFERENCE_OF_TEN = np.linspace(0.7, 0.9, 10)
SPREAD_OF_TEN = np.tile([1.0, -1.0], 5) * np.sqrt(0.9)
"""Of standard deviation 1."""


def test_the_difference_equals_scipys_paired_test() -> None:
    model = REFERENCE + np.array([0.01, -0.02, 0.03, 0.0, 0.02, 0.01])
    difference = paired_difference(model, REFERENCE)
    expected = stats.ttest_rel(model, REFERENCE)
    assert difference.p_value == pytest.approx(expected.pvalue)
    assert difference.estimate.ci95 == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert difference.estimate.mean == pytest.approx((model - REFERENCE).mean())


def test_fewer_than_six_pairs_have_no_test() -> None:
    difference = paired_difference(REFERENCE[:5] - 0.5, REFERENCE[:5])
    assert difference.p_value is None
    assert verdict(difference, 0.02) == "too few patients"


def test_a_patient_without_a_score_is_no_pair() -> None:
    model = REFERENCE.copy()
    model[0] = np.nan
    assert paired_difference(model, REFERENCE).pairs == 5


def test_several_seeds_are_judged_over_patients_crossed_with_seeds() -> None:
    draw = np.random.default_rng(0).normal
    reference = draw(0.8, 0.05, (8, 3))
    model = reference - 0.01 + draw(0, 0.005, (1, 3)) + draw(0, 0.01, (8, 3))
    difference = paired_difference(model, reference)
    estimate = crossed_mean(model - reference)
    assert difference.estimate == estimate
    expected = 2 * stats.t.cdf(-abs(estimate.mean) / estimate.standard_error, estimate.degrees_of_freedom)
    assert difference.p_value == pytest.approx(expected)
    assert difference.pairs == 8


def test_power_is_how_often_a_model_that_is_as_good_is_found_not_inferior() -> None:
    draw = np.random.default_rng(0).normal(0, 1, (20_000, 10))
    differences = (draw - draw.mean()) / draw.std() * 0.03
    lower = differences.mean(axis=1) - stats.t.ppf(0.975, 9) * stats.sem(differences, axis=1)
    one = paired_difference(REFERENCE_OF_TEN + 0.03 * SPREAD_OF_TEN, REFERENCE_OF_TEN)
    assert power(one, 0.02) == pytest.approx((lower > -0.02).mean(), abs=0.02)


def test_as_many_patients_as_needed_have_the_power_of_four_in_five_and_one_fewer_has_not() -> None:
    found = paired_difference(REFERENCE_OF_TEN + 0.03 * SPREAD_OF_TEN, REFERENCE_OF_TEN)
    needed = patients_needed(found, 0.02)
    assert needed is not None
    for patients, enough in ((needed, True), (needed - 1, False)):
        error = 0.03 / np.sqrt(patients)
        limit = stats.t.ppf(0.975, patients - 1)
        assert (stats.nct.sf(limit, patients - 1, 0.02 / error) >= 0.8) == enough


def test_no_number_of_patients_makes_up_for_seeds_that_differ_too_much() -> None:
    model = np.array([[0.2, -0.2]]) + 0.01 * np.random.default_rng(0).normal(size=(8, 2))
    assert patients_needed(paired_difference(model, np.zeros((8, 2))), 0.02) is None


@pytest.mark.parametrize(
    ("shift", "spread", "expected"),
    [(0.0, 0.005, "not inferior"), (-0.1, 0.005, "inferior"), (-0.02, 0.01, "undecided"), (-0.01, 0.0, "not inferior")],
)
def test_the_verdict_compares_the_interval_with_the_margin(shift: float, spread: float, expected: str) -> None:
    model = REFERENCE + shift + spread * np.array([1, -1, 1, -1, 1, -1])
    assert verdict(paired_difference(model, REFERENCE), 0.02) == expected


def test_holm_multiplies_the_smallest_by_the_number_of_tests_and_never_falls() -> None:
    assert holm([0.01, 0.02, 0.03]) == pytest.approx([0.03, 0.04, 0.04])
    assert holm([0.9, 0.6]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []
