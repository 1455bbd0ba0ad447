"""The chart of Dice against time: what a faster model gives up, and which models nobody needs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from trimformer.records.results import ModelRow
from trimformer.report.charts import log_scale
from trimformer.report.formats import listed, number
from trimformer.report.label_places import Place, find_places, write_name
from trimformer.report.themes import MODEL, MUTED, TEXT, new_figure, title

WIDE_RANGE = 4
"""From this ratio of the slowest to the fastest on, time is drawn on a logarithmic scale."""

LONGEST = 40
"""Characters of a name that are written."""

LINE_INCHES = 0.19
"""Of a name in the key."""

ABOVE_KEY_INCHES = 0.7
SMALL = "small"
MARKER = 6
"""Half the width of a marker, in pixels."""
MARKERS = {"": ("o", "trained run, in PyTorch"), ".onnx": ("s", "ONNX"), ".xml": ("D", "OpenVINO")}
"""By the ending of an export's name."""

BEHIND: dict[str, Any] = {"color": MUTED, "markerfacecolor": "none", "markeredgecolor": MUTED}
AHEAD: dict[str, Any] = {"color": MODEL, "markerfacecolor": MODEL, "markeredgecolor": MODEL}


def scored_and_timed(rows: Sequence[ModelRow]) -> list[ModelRow]:
    """The models that have both a Dice and a time."""
    return [row for row in rows if row.dice.mean is not None and row.milliseconds_per_slice is not None]


def pareto_front(rows: Sequence[ModelRow]) -> list[ModelRow]:
    """The models than which no other is both at least as fast and at least as good, the fastest first."""
    front: list[ModelRow] = []
    for row in sorted(rows, key=lambda row: (_point(row)[0], -_point(row)[1])):
        if not front or _point(row)[1] > _point(front[-1])[1]:
            front.append(row)
    return front


def describe_trade_off(rows: Sequence[ModelRow]) -> str:
    """The chart in words, for who cannot see it."""
    told = [f"{row.name} {number(row.milliseconds_per_slice, 1)} ms, {number(row.dice.mean)}" for row in rows]
    names = [row.name for row in pareto_front(rows)]
    return f"Mean Dice against milliseconds a slice: {'; '.join(told)}. On the Pareto front: {listed(names)}."


def plot_trade_off(rows: Sequence[ModelRow]) -> Callable[[bool], Figure]:
    """How to draw mean Dice against the time of a slice, with 95 % interval, 95th percentile and the Pareto front.

    Names stand beside their points; where there is no room for them, numbers do, and the names beside the chart.
    """
    front = pareto_front(rows)

    def plot(narrow: bool) -> Figure:
        figure = new_figure(narrow, 4.2, 4.6)
        axes = figure.add_subplot()
        title(axes, "Mean Dice against the time of a slice")
        _draw_front(axes, front)
        for row in rows:
            _draw_model(axes, row, AHEAD if row in front else BEHIND)
        _scale(axes, rows)
        axes.set_xlabel(
            "milliseconds a slice" if narrow else "milliseconds a slice on this machine, faster to the left"
        )
        _explain(figure, {_ending(row) for row in rows}, narrow)
        _name_models(figure, axes, rows, front, narrow)
        return figure

    return plot


def _point(row: ModelRow) -> tuple[float, float]:
    assert row.milliseconds_per_slice is not None
    assert row.dice.mean is not None
    return row.milliseconds_per_slice, row.dice.mean


def _draw_front(axes: Axes, front: Sequence[ModelRow]) -> None:
    """Steps: between two models of the front one has the Dice of the faster one."""
    times, dice = zip(*map(_point, front), strict=True)
    axes.step(times, dice, where="post", color=MODEL, linewidth=1.4, alpha=0.55, solid_joinstyle="round", zorder=1.5)


def _draw_model(axes: Axes, row: ModelRow, colours: dict[str, Any]) -> None:
    (time, dice), line = _point(row), {"color": colours["color"], "linewidth": 1, "solid_capstyle": "butt"}
    if row.dice.ci95 is not None:
        axes.plot([time, time], row.dice.ci95, alpha=0.6, **line)
    if row.milliseconds_per_slice_p95 is not None:
        axes.plot([time, row.milliseconds_per_slice_p95], [dice, dice], linestyle=(0, (1, 1)), **line)
    marker, _ = MARKERS[_ending(row)]
    axes.plot([time], [dice], marker, markersize=7, markeredgewidth=1.5, zorder=3, **colours)


def _ending(row: ModelRow) -> str:
    ending = Path(row.exports[0]).suffix.lower() if row.exports else ""
    return ending if ending in MARKERS else ""


def _scale(axes: Axes, rows: Sequence[ModelRow]) -> None:
    times = [_point(row)[0] for row in rows]
    if max(times) > WIDE_RANGE * min(times):
        log_scale(axes, "x")
    else:
        axes.set_xlim(left=0)
    axes.margins(x=0.12, y=0.12)


def _explain(figure: Figure, endings: set[str], narrow: bool) -> None:
    kinds = [MARKERS[ending] for ending in MARKERS if ending in endings] if len(endings) > 1 else []
    entries = [
        Line2D([], [], marker="o", markersize=6, linewidth=1.4, label="Pareto front", **AHEAD),
        Line2D([], [], marker="o", markersize=6, linewidth=0, label="another is faster and no worse", **BEHIND),
        Line2D([], [], marker="|", markersize=11, color=MODEL, linewidth=0, label="95 % interval of the Dice"),
        Line2D([], [], color=MODEL, linewidth=1, linestyle=(0, (1, 1)), label="to the 95th percentile of time"),
        *(Line2D([], [], marker=marker, markersize=6, linewidth=0, label=name, **BEHIND) for marker, name in kinds),
    ]
    figure.legend(handles=entries, loc="outside upper left", ncols=1 if narrow else 4, fontsize=SMALL, handlelength=1.8)


def _name_models(figure: Figure, axes: Axes, rows: Sequence[ModelRow], front: Sequence[ModelRow], narrow: bool) -> None:
    in_order = sorted(rows, key=_point)
    names = [_shortened(row.name) for row in in_order]
    places = _places(figure, axes, names, in_order, front)
    if not all(place.is_good for place in places):
        _draw_key(figure, names, narrow)
        names = [str(index) for index, _ in enumerate(names, 1)]
        places = _places(figure, axes, names, in_order, front)
    for name, row, place in zip(names, in_order, places, strict=True):
        write_name(axes, name, _point(row), place, SMALL, TEXT if row in front else MUTED)


def _draw_key(figure: Figure, names: Sequence[str], narrow: bool) -> None:
    """Numbers and names, beside a wide chart or below a narrow one, which grows by them."""
    key = [Line2D([], [], linewidth=0, label=f"{index}  {name}") for index, name in enumerate(names, 1)]
    place: Literal["outside lower left", "outside right upper"]
    place = "outside lower left" if narrow else "outside right upper"
    figure.legend(handles=key, loc=place, fontsize=SMALL, handlelength=0, handletextpad=0)
    height, lines = figure.get_figheight(), LINE_INCHES * (len(names) + 1)
    figure.set_figheight(height + lines if narrow else max(height, lines + ABOVE_KEY_INCHES))


def _shortened(name: str) -> str:
    """A name of which the middle is left out where it would take the chart's place."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST // 2]}…{name[-(LONGEST // 2) :]}"


def _places(
    figure: Figure, axes: Axes, names: Sequence[str], rows: Sequence[ModelRow], front: Sequence[ModelRow]
) -> list[Place]:
    figure.draw_without_rendering()  # only now is known where the axes lie
    return find_places(axes, names, [_point(row) for row in rows], _taken(axes, rows, front), SMALL)


def _taken(axes: Axes, rows: Sequence[ModelRow], front: Sequence[ModelRow]) -> np.ndarray:
    """What is drawn, as boxes in pixels: markers, whiskers and the front. Every line is level or upright."""
    ends = []
    for row in rows:
        time, dice = _point(row)
        low, high = row.dice.ci95 or (dice, dice)
        ends += [[(time, low), (time, high)], [(time, dice), (row.milliseconds_per_slice_p95 or time, dice)]]
    for (time, dice), (slower, better) in zip(map(_point, front), map(_point, front[1:]), strict=False):
        ends += [[(time, dice), (slower, dice)], [(slower, dice), (slower, better)]]
    lines = axes.transData.transform(np.array(ends).reshape(-1, 2)).reshape(-1, 2, 2)
    markers = axes.transData.transform([_point(row) for row in rows])
    return np.concatenate(
        [
            np.concatenate([lines.min(axis=1) - 2, lines.max(axis=1) + 2], axis=1),
            np.concatenate([markers - MARKER, markers + MARKER], axis=1),
        ]
    )
