import numpy as np
import pytest

from trimformer.records.late_change import LateChange, change_over_last_third


def test_the_change_over_the_last_third_is_the_slope_of_its_line() -> None:
    rising = np.array([0.1, 0.5, 0.7, 0.8, 0.8, 0.80, 0.81, 0.82, 0.83])
    change = change_over_last_third(rising)
    assert change is not None
    assert change.mean == pytest.approx(3 * 0.01)
    assert change.ci95 == pytest.approx((0.03, 0.03)), "the epochs lie on a line"
    noisy = change_over_last_third(np.array([0.1, 0.5, 0.7, 0.8, 0.8, 0.80, 0.83, 0.77, 0.80]))
    assert noisy is not None
    assert noisy.mean == pytest.approx(3 * (-1.5 * 0.80 - 0.5 * 0.83 + 0.5 * 0.77 + 1.5 * 0.80) / 5)
    rest = 0.03**2 * 2 - 0.018**2 * 5 / 9  # squares about the line: of the Dice, less slope² times those of the epochs
    half = 4.30265 * 3 * np.sqrt(rest / 2 / 5)  # Student's t of two degrees of freedom
    assert noisy.ci95 == pytest.approx((noisy.mean - half, noisy.mean + half), abs=1e-5)
    assert change_over_last_third(rising[:7]) is not None, "a third of seven epochs is three"
    assert change_over_last_third(rising[:6]) is None
    assert change_over_last_third(np.array([0.5] * 8 + [np.nan])) is None


def test_a_run_has_settled_whose_dice_neither_rises_nor_falls_by_half_a_point() -> None:
    changes = (-0.005, -0.0049, 0.0, 0.0049, 0.005)
    settled = [LateChange(change, (change, change)).has_settled for change in changes]
    assert settled == [False, True, True, True, False]
    intervals = ((0.001, 0.019), (-0.019, -0.001), (-0.001, 0.021))
    assert [LateChange(0.01, interval).is_shown for interval in intervals] == [True, True, False]
