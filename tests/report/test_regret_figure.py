import numpy as np
import pytest
from matplotlib.lines import Line2D

from trimformer.records.judgement import BlocksAndRegret
from trimformer.report.judgement.regret_figure import regret_figure


def point(criterion: str, threshold: str, own: bool, blocks: float, worst: float) -> BlocksAndRegret:
    return BlocksAndRegret(
        criterion=criterion, threshold=threshold, is_catalogues=own, blocks=blocks, regret=worst / 2, worst_regret=worst
    )


def places(line: Line2D) -> list[list[float]]:
    found: list[list[float]] = np.asarray(line.get_xydata()).tolist()
    return found


def test_a_line_joins_a_criterions_thresholds_and_the_catalogues_is_filled() -> None:
    points = [
        point("rule", "0.3", False, 1.0, 0.3),
        point("rule", "0.5", True, 2.0, 0.1),
        point("fixed", "3", True, 3.0, 0.001),
    ]
    figure = regret_figure(points, tolerated=0.01)
    (axes,) = figure.axes
    tolerated, *lines = axes.lines
    assert [y for _, y in places(tolerated)] == [0.01, 0.01]
    rule, rules_own, fixed, fixeds_own = lines
    assert places(rule) == [[1.0, 0.3], [2.0, 0.1]]
    assert places(rules_own) == [[2.0, 0.1]]
    assert rule.get_markerfacecolor() == "white"
    assert rules_own.get_markerfacecolor() == rule.get_color()
    assert (rule.get_color(), rule.get_marker()) != (fixed.get_color(), fixed.get_marker())
    assert places(fixeds_own) == [[3.0, 0.001]]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["rule", "fixed", "another threshold"]


@pytest.mark.parametrize(("worst", "lowest"), [(0.2, 0.0), (-0.001, -0.001)])
def test_a_choice_better_than_the_best_depth_is_not_cut_off(worst: float, lowest: float) -> None:
    (axes,) = regret_figure([point("rule", "0.5", True, 1.0, worst)], tolerated=0.01).axes
    assert axes.get_ylim()[0] == pytest.approx(lowest)


def test_without_a_point_there_are_axes_alone() -> None:
    (axes,) = regret_figure([], tolerated=0.01).axes
    assert len(axes.lines) == 1
