import numpy as np
import pytest
from scipy import stats

from trimformer.records.intervals import mean_interval, summarise_patients


def test_few_patients_have_students_interval() -> None:
    values = np.array([0.8, 0.82, 0.9, 0.85, np.nan])
    mean, interval = mean_interval(values)
    expected = stats.t.interval(0.95, 3, loc=values[:4].mean(), scale=stats.sem(values[:4]))
    assert mean == pytest.approx(values[:4].mean())
    assert interval == pytest.approx(expected)


def test_many_patients_have_a_bootstrap_close_to_the_normal_interval() -> None:
    values = np.random.default_rng(0).normal(size=400)
    _, interval = mean_interval(values)
    half = 1.96 * stats.sem(values)
    assert interval == pytest.approx((values.mean() - half, values.mean() + half), abs=0.01)


def test_one_value_has_no_interval_and_equal_values_have_an_empty_one() -> None:
    assert mean_interval(np.array([0.5])) == (0.5, None)
    assert mean_interval(np.full(30, 0.5)) == (0.5, (0.5, 0.5))
    mean, interval = mean_interval(np.array([np.nan]))
    assert np.isnan(mean)
    assert interval is None


def test_a_summary_keeps_blocks_and_heads_and_writes_missing_numbers_as_none() -> None:
    array = np.arange(12.0).reshape(3, 2, 2)
    array[:, 1, 1] = np.nan
    summary = summarise_patients(array)
    assert summary["mean"] == [[4.0, 5.0], [6.0, None]]
    assert summary["low"][1][1] is None
    assert summary["high"][0][0] > 4
