"""Every figure of a row, computed once more from evaluation.json with NumPy and SciPy alone."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_evaluations import LABELS, made_evaluation
from scipy import stats

from trimformer.evaluation.statistics import dice_summary, difference, mean_of, paired_tests, surface_summary

Document = dict[str, Any]


def read(seed: int, folder: Path, level: float = 0.8) -> Document:
    file = folder / "evaluation.json"
    made_evaluation(seed, level).save(file)
    return dict(json.loads(file.read_text()))


def shares(document: Document) -> np.ndarray:
    """The main figure's first-order change with the weight of each patient."""
    table = np.array(
        [[np.nan if s["dice"] is None else s["dice"] for s in of.values()] for of in document["patients"].values()]
    )
    means, counts = np.nanmean(table, axis=0), np.isfinite(table).sum(axis=0)
    return np.array((means + np.where(np.isfinite(table), table - means, 0) * len(table) / counts).mean(axis=1))


def two_way(values: np.ndarray) -> tuple[float, float]:
    """Standard error and degrees of freedom of the mean of (patients, seeds), by regression on indicators."""
    patients, seeds = values.shape
    rows, columns = (index.ravel() for index in np.indices(values.shape))
    total = ((values - values.mean()) ** 2).sum()

    def left_by(*factors: np.ndarray) -> float:
        design = np.hstack([np.ones((values.size, 1)), *(np.eye(factor.max() + 1)[factor] for factor in factors)])
        fitted = design @ np.linalg.lstsq(design, values.ravel(), rcond=None)[0]
        return float(((values.ravel() - fitted) ** 2).sum())

    freedoms = np.array([patients - 1, seeds - 1, (patients - 1) * (seeds - 1)])
    of_patients, of_seeds, rest = (
        np.array([total - left_by(rows), total - left_by(columns), left_by(rows, columns)]) / freedoms
    )
    squares = np.array([of_patients, of_seeds, -rest])
    if of_seeds <= rest:
        squares[1:] = 0
    elif of_patients <= rest:
        squares[[0, 2]] = 0
    return float(np.sqrt(squares.sum() / values.size)), float(squares.sum() ** 2 / (squares**2 / freedoms).sum())


def test_one_seeds_means_and_intervals(tmp_path: Path) -> None:
    document = read(0, tmp_path)
    summary = dice_summary([made_evaluation(0)], [made_evaluation(1)])
    by_class = {
        name: np.array([of[name]["dice"] for of in document["patients"].values() if of[name]["dice"] is not None])
        for name in LABELS.values()
    }
    for name, values in by_class.items():
        interval = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
        assert summary.by_class[name] == document["summary"][name]["mean"] == pytest.approx(values.mean())
        assert summary.ci95_by_class[name] == tuple(document["summary"][name]["ci95"]) == pytest.approx(interval)
    values = shares(document)
    interval = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
    assert summary.mean == document["mean"] == pytest.approx(np.mean([v.mean() for v in by_class.values()]))
    assert summary.ci95 == tuple(document["ci95"]) == pytest.approx(interval)
    assert (summary.absent, summary.missed, summary.false_alarm) == (1, 1, 1)
    assert summary.mean_last_epoch == made_evaluation(1).mean


def test_several_seeds_means_and_intervals(tmp_path: Path) -> None:
    documents = [read(seed, tmp_path, level) for seed, level in enumerate((0.7, 0.8, 0.9))]
    summary = dice_summary([made_evaluation(seed, level) for seed, level in enumerate((0.7, 0.8, 0.9))])
    assert summary.mean == pytest.approx(np.mean([document["mean"] for document in documents]))
    error, freedom = two_way(np.array([shares(document) for document in documents]).T)
    half = stats.t.ppf(0.975, freedom) * error
    assert summary.ci95 == pytest.approx((summary.mean - half, summary.mean + half))  # type: ignore[operator]
    assert summary.missed == 3


def test_paired_tests_with_common_seeds_and_holm_within_a_reference() -> None:
    levels = {"full": 0.8, "cut": 0.79, "worse": 0.6, "other": 0.8}
    rows = [
        {seed: made_evaluation(10 * index + seed, level) for seed in range(3)}
        for index, level in enumerate(levels.values())
    ]
    tests = paired_tests(rows, [None, 0, 0, 1], margin=0.02)
    assert tests[0] is None
    p_values = []
    for index, reference in ((1, 0), (2, 0), (3, 1)):
        matrices = [
            np.array([shares(json.loads(row[seed].model_dump_json())) for seed in range(3)]).T
            for row in (rows[index], rows[reference])
        ]
        values = matrices[0] - matrices[1]
        error, freedom = two_way(values)
        p_values.append(float(2 * stats.t.sf(abs(values.mean()) / error, freedom)))
        half = stats.t.ppf(0.975, freedom) * error
        test = tests[index]
        assert test is not None
        assert test.mean_difference == pytest.approx(values.mean())
        assert test.ci95 == pytest.approx((values.mean() - half, values.mean() + half))
        limit = stats.t.ppf(0.975, freedom)
        assert test.power == pytest.approx(stats.nct.sf(limit, freedom, 0.02 / error))
    first, second, alone = p_values
    smaller = min(2 * min(first, second), 1)
    expected = [2 * second if second < first else max(second, smaller), alone]
    assert [tests[2].p_value, tests[3].p_value] == pytest.approx(expected)  # type: ignore[union-attr]
    assert tests[2].verdict == "inferior"  # type: ignore[union-attr]


def test_without_a_common_seed_the_means_over_seeds_are_compared() -> None:
    model = {3: made_evaluation(3), 4: made_evaluation(4)}
    reference = {0: made_evaluation(0)}
    found = difference(model, reference)
    own = np.mean([shares(json.loads(one.model_dump_json())) for one in model.values()], axis=0)
    other = shares(json.loads(reference[0].model_dump_json()))
    expected = stats.ttest_rel(own, other)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.estimate.ci95 == pytest.approx(tuple(expected.confidence_interval(0.95)))


def test_surface_means_over_patients_and_seeds_then_classes(tmp_path: Path) -> None:
    documents = [read(seed, tmp_path) for seed in (0, 1)]
    summary = surface_summary([made_evaluation(seed) for seed in (0, 1)])
    for field, by_class, whole in (
        ("hd95_mm", summary.hd95_mm_by_class, summary.hd95_mm),
        ("surface_dice", summary.surface_dice_by_class, summary.surface_dice),
    ):
        expected = {
            name: np.mean(
                [
                    np.mean([of[name][field] for of in document["patients"].values() if of[name][field] is not None])
                    for document in documents
                ]
            )
            for name in LABELS.values()
        }
        assert by_class == pytest.approx(expected)
        assert whole == pytest.approx(np.mean(list(expected.values())))
    assert summary.tolerance_mm == 1.0


def test_the_mean_of_nothing_is_nothing() -> None:
    assert mean_of([None, None]) is None
    assert mean_of([None, 1.0, 2.0]) == 1.5
