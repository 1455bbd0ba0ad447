import numpy as np
import pytest
from scipy import stats

from trimformer.metrics.crossed import crossed_mean

WORKED = np.array([[1.0, 3.0], [2.0, 6.0], [3.0, 9.0]])
"""Three patients, two seeds. Mean 4; patients 2, 4, 6 and seeds 2, 6; left over is 1, -1 / 0, 0 / -1, 1.
 Mean squares: patients 2 * 8 / 2 = 8, seeds 3 * 8 / 1 = 24, rest 4 / 2 = 2."""


def test_two_seeds_worked_by_hand() -> None:
    estimate = crossed_mean(WORKED)
    variance = (8 + 24 - 2) / 6
    freedom = 30**2 / (8**2 / 2 + 24**2 / 1 + 2**2 / 2)
    assert estimate.mean == 4
    assert estimate.standard_error == pytest.approx(np.sqrt(variance))
    assert estimate.degrees_of_freedom == pytest.approx(freedom)
    assert estimate.seed_variance == pytest.approx((24 - 2) / 6)
    half = stats.t.ppf(0.975, freedom) * np.sqrt(variance)
    assert estimate.ci95 == pytest.approx((4 - half, 4 + half))


@pytest.mark.parametrize("turned", [False, True])
def test_a_variance_below_zero_leaves_the_others_mean_square_alone(turned: bool) -> None:
    # Both seeds have the same mean, so that there is less between them than the rest explains.
    values = np.array([[1.0, 2.0], [4.0, 3.0], [6.0, 6.0]])
    estimate = crossed_mean(values.T if turned else values)
    means = values.mean(axis=1)
    assert estimate.standard_error == pytest.approx(stats.sem(means))
    assert estimate.degrees_of_freedom == 2
    if not turned:
        assert estimate.ci95 == pytest.approx(stats.t.interval(0.95, 2, means.mean(), stats.sem(means)))
        assert estimate.seed_variance == 0


def test_one_seed_is_the_interval_over_patients() -> None:
    values = np.array([0.7, 0.8, 0.9, 0.95])
    estimate = crossed_mean(values[:, None])
    assert estimate.ci95 == pytest.approx(stats.t.interval(0.95, 3, values.mean(), stats.sem(values)))
    assert (estimate.degrees_of_freedom, estimate.seed_variance) == (3, 0)


def test_the_mean_is_that_of_the_runs_and_the_interval_that_of_patients_with_every_seed() -> None:
    values = np.vstack([WORKED, [np.nan, 20.0], [np.nan, np.nan]])
    estimate = crossed_mean(values)
    assert estimate.mean == pytest.approx((2 + (3 + 6 + 9 + 20) / 4) / 2)
    assert estimate.standard_error == crossed_mean(WORKED).standard_error
    assert estimate.patients == 3


@pytest.mark.parametrize("values", [np.full((3, 2), np.nan), np.array([[0.5, np.nan], [np.nan, 0.5]])])
def test_without_two_patients_there_is_no_interval(values: np.ndarray) -> None:
    assert crossed_mean(values).ci95 is None


def test_equal_values_have_an_interval_of_no_width() -> None:
    assert crossed_mean(np.full((4, 3), 0.5)).ci95 == (0.5, 0.5)


@pytest.mark.parametrize(
    ("patients", "seeds", "deviations"), [(5, 3, (1, 1, 1)), (10, 5, (1, 0.3, 0.3)), (20, 3, (0.3, 1, 0.3))]
)
def test_the_interval_covers_the_truth_about_95_times_in_100(
    patients: int, seeds: int, deviations: tuple[float, float, float]
) -> None:
    draw = np.random.default_rng(0).standard_normal
    covered = 0
    for _ in range(800):
        of_patients, of_seeds, rest = draw((patients, 1)), draw((1, seeds)), draw((patients, seeds))
        low, high = crossed_mean(
            deviations[0] * of_patients + deviations[1] * of_seeds + deviations[2] * rest
        ).ci95 or (0.0, 0.0)
        covered += low <= 0 <= high
    assert 0.92 <= covered / 800 <= 0.985
