import numpy as np
import pytest
from scipy import stats

from trimformer.metrics.paired import holm, paired_difference, verdict

REFERENCE = np.array([0.80, 0.82, 0.84, 0.86, 0.88, 0.90])


def test_the_difference_equals_scipys_paired_test() -> None:
    model = REFERENCE + np.array([0.01, -0.02, 0.03, 0.0, 0.02, 0.01])
    difference = paired_difference(model, REFERENCE)
    expected = stats.ttest_rel(model, REFERENCE)
    assert difference.p_value == pytest.approx(expected.pvalue)
    assert difference.ci95 == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert difference.mean == pytest.approx((model - REFERENCE).mean())


def test_fewer_than_six_pairs_have_no_test() -> None:
    difference = paired_difference(REFERENCE[:5] - 0.5, REFERENCE[:5])
    assert difference.p_value is None
    assert verdict(difference, 0.02) == "too few patients"


def test_a_patient_without_a_score_is_no_pair() -> None:
    model = REFERENCE.copy()
    model[0] = np.nan
    assert paired_difference(model, REFERENCE).pairs == 5


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
