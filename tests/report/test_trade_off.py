import warnings

import numpy as np
import pytest
from made_comparison import demo_rows, make_row
from matplotlib.axes import Axes

from trimformer.records.results import ModelRow
from trimformer.report.trade_off import describe_trade_off, pareto_front, plot_trade_off, scored_and_timed


def made(name: str, milliseconds: float, dice: float) -> ModelRow:
    times = {"milliseconds_per_slice": float(milliseconds), "milliseconds_per_slice_p95": 1.2 * milliseconds}
    return make_row(name=name, dice=dice).model_copy(update=times)


ROWS = [made("slow and best", 20, 0.9), made("beaten", 21, 0.89), made("fast", 5, 0.8), made("fast and worse", 5, 0.7)]


def named(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_the_front_has_the_models_that_no_other_beats_in_both_the_fastest_first() -> None:
    assert [row.name for row in pareto_front(ROWS)] == ["fast", "slow and best"]
    assert [row.name for row in pareto_front([made("a", 5, 0.8), made("as good", 6, 0.8)])] == ["a"]
    assert "On the Pareto front: fast and slow and best." in describe_trade_off(ROWS)


def test_what_has_no_dice_or_no_time_is_left_out() -> None:
    without = make_row().model_copy(update={"dice": make_row().dice.model_copy(update={"mean": None})})
    assert scored_and_timed([without, make_row("intensity", "grey", None, 0.6), ROWS[0]]) == [ROWS[0]]


@pytest.mark.parametrize("narrow", [False, True])
def test_points_intervals_percentiles_and_steps_lie_at_their_values(narrow: bool) -> None:
    axes = plot_trade_off(ROWS)(narrow).axes[0]
    lines = [np.array(line.get_xydata()).tolist() for line in axes.lines]
    for row in ROWS:
        time, dice = row.milliseconds_per_slice, row.dice.mean
        assert time is not None
        assert dice is not None
        assert [[time, dice]] in lines
        assert [[time, dice - 0.012], [time, dice + 0.012]] in lines
        assert [[time, dice], [1.2 * time, dice]] in lines
    assert [[5, 0.8], [20, 0.9]] in lines
    assert axes.lines[0].get_drawstyle() == "steps-post"
    filled = [line.get_markerfacecolor() != "none" for line in axes.lines if line.get_marker() == "o"]
    assert filled == [True, False, True, False]


def test_a_wide_range_of_times_is_logarithmic_and_a_narrow_one_begins_at_nothing() -> None:
    assert plot_trade_off(ROWS)(False).axes[0].get_xscale() == "log"
    alike = plot_trade_off([made("a", 5, 0.8), made("b", 6, 0.9)])(False).axes[0]
    assert (alike.get_xscale(), alike.get_xlim()[0]) == ("linear", 0)


def test_exports_have_markers_of_their_own_which_the_legend_names() -> None:
    exported = [made(name, 4, 0.8).model_copy(update={"exports": (name,)}) for name in ("a.onnx", "b.xml")]
    figure = plot_trade_off([*ROWS, *exported])(False)
    markers = [line.get_marker() for line in figure.axes[0].lines if line.get_marker() not in ("None", None)]
    assert markers == ["o", "o", "o", "o", "s", "D"]
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"trained run, in PyTorch", "ONNX", "OpenVINO"} <= set(told)
    assert "ONNX" not in [text.get_text() for text in plot_trade_off(ROWS)(False).legends[0].get_texts()]


def test_names_stand_beside_their_points_where_there_is_room() -> None:
    figure = plot_trade_off(scored_and_timed(demo_rows()))(False)
    assert sorted(named(figure.axes[0])) == ["unet", "unetr-0", "unetr-12", "unetr-3"]
    assert len(figure.legends) == 1


@pytest.mark.parametrize("narrow", [False, True])
def test_many_models_have_numbers_and_a_key_for_which_there_is_room(narrow: bool) -> None:
    rows = [made(f"a network of some length, number {index}", 5 + index / 9, 0.8 + index / 999) for index in range(30)]
    figure = plot_trade_off([*rows, made("x" * 90, 4, 0.7)])(narrow)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.draw_without_rendering()
    assert sorted(named(figure.axes[0]), key=int) == [str(index) for index in range(1, 32)]
    key = figure.legends[1]
    assert [text.get_text() for text in key.get_texts()][:2] == [
        f"1  {'x' * 20}…{'x' * 20}",
        "2  a network of some length, number 0",
    ]
    axes, frame, page = figure.axes[0].get_window_extent(), key.get_window_extent(), figure.bbox
    assert not axes.overlaps(frame)
    assert page.y0 <= frame.y0 < frame.y1 <= page.y1
    assert axes.width > page.width / 3
