from typing import Any

import numpy as np
import pytest
from made_comparison import make_row

from trimformer.report.comparisons import difference_labels, plot_differences, plot_training

ROWS = (
    make_row("chosen depth", "three", 3, verdict="not inferior", difference=-0.002, ci95=(-0.006, 0.002)),
    make_row("zero blocks", "zero", 0, verdict="too few patients", difference=-0.05),
)


def values(data: Any) -> list[float]:
    return [float(value) for value in data]


@pytest.mark.parametrize("narrow", [False, True])
def test_differences_lie_at_their_values_beside_the_margin(narrow: bool) -> None:
    axes = plot_differences(ROWS, margin=0.02)(narrow).axes[0]
    intervals = [values(line.get_xdata()) for line in axes.lines]
    points = [values(line.get_xdata()) for line in axes.lines if line.get_marker() == "o"]
    assert [-0.006, 0.002] in intervals
    assert points == [[-0.002], [-0.05]]
    assert [-0.02, -0.02] in intervals
    assert axes.get_xlim()[0] < -0.05
    assert "margin −0.02" in [text.get_text() for text in axes.texts]


def test_a_narrow_chart_names_the_models_inside() -> None:
    wide, narrow = (plot_differences(ROWS, 0.02)(narrow).axes[0] for narrow in (False, True))
    assert [label.get_text() for label in wide.get_yticklabels()] == ["three", "zero"]
    assert {"three", "zero"} <= {text.get_text() for text in narrow.texts}


def test_models_of_several_kinds_are_drawn_with_what_they_are_compared_with() -> None:
    rows = make_row("3 blocks", "a-3", reference="a-12"), make_row("3 blocks", "b-3", reference="b-12")
    assert difference_labels(rows) == ["a-3 – a-12", "b-3 – b-12"]


@pytest.mark.parametrize("narrow", [False, True])
def test_every_model_has_its_curves(narrow: bool) -> None:
    history = {
        "epoch": np.array([1.0, 2.0]),
        "train_loss": np.array([0.9, 0.5]),
        "selection_loss": np.array([0.8, 0.6]),
        "selection_dice": np.array([0.4, 0.7]),
    }
    losses, dice = plot_training({"a": history, "b": history})(narrow).axes
    assert [values(line.get_ydata()) for line in losses.lines] == [[0.9, 0.5], [0.8, 0.6]] * 2
    assert [line.get_label() for line in dice.lines] == ["a", "b"]
    assert len({line.get_color() for line in dice.lines}) == 2
