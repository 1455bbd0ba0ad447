"""Dice against depth, a panel a sweep, and below it what every criterion answered."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from trimformer.records.judgement import JudgedCriterion, JudgedSweep
from trimformer.report.themes import MODEL, TEXT, TWIN, WIDE_INCHES, title

COLUMNS = 4
PANEL_INCHES, LEGEND_INCHES = 4.2, 0.4
SPREAD = 0.16
"""How far the Dice of single seeds stands beside the bar, which would hide it."""

APART = 0.25
"""Of a row: how far above and below its middle the answers of the first and the last seed stand, so that equal ones are
seen as several."""


def judgement_figure(sweeps: Sequence[JudgedSweep], margin: float) -> Figure:
    """Draw the sweeps that could be judged; at least one. Dice that differ by less than the margin look alike.

    Depths stand at equal steps, an answer between two of them lies between. An inconclusive answer is a hollow mark at
    the full depth, which it counts as.
    """
    columns = min(COLUMNS, len(sweeps))
    rows = -(-len(sweeps) // columns)
    figure = Figure(figsize=(WIDE_INCHES, PANEL_INCHES * rows + LEGEND_INCHES), layout="constrained")
    grid = figure.subplots(2 * rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_visible(False)
    for index, sweep in enumerate(sweeps):
        row, column = divmod(index, columns)
        above, below = grid[2 * row, column], grid[2 * row + 1, column]
        _draw_dice(above, sweep, margin)
        _draw_answers(below, sweep, named=column == 0)
    figure.legend(handles=_entries(), loc="outside lower left", ncols=5, fontsize="small")
    return figure


def _draw_dice(axes: Axes, sweep: JudgedSweep, margin: float) -> None:
    axes.set_visible(True)
    title(axes, f"{sweep.name}: Dice")
    for place, depth in enumerate(sweep.depths):
        seeds = list(depth.dice_by_seed.values())
        axes.plot([place + SPREAD] * len(seeds), seeds, "o", color=MODEL, markersize=3, alpha=0.45, markeredgewidth=0)
        if depth.dice.ci95 is not None:
            axes.plot([place, place], depth.dice.ci95, color=MODEL, linewidth=2, solid_capstyle="butt")
    means = [depth.dice.mean for depth in sweep.depths]
    axes.plot(range(len(means)), means, color=MODEL, linewidth=1.2, marker="_", markersize=9)
    if sweep.smallest_enough is not None:
        axes.axvline(_place(sweep, sweep.smallest_enough), color=TWIN, linewidth=1.2, linestyle=(0, (4, 2)))
    axes.set_xticks(range(len(means)), [])
    axes.set_xlim(-0.5, len(means) - 0.5)
    low, high = axes.get_ylim()
    room = max(0.0, 2 * margin - (high - low)) / 2
    axes.set_ylim(low - room, high + room)
    axes.grid(axis="x", visible=False)


def _draw_answers(axes: Axes, sweep: JudgedSweep, *, named: bool) -> None:
    axes.set_visible(True)
    for height, criterion in enumerate(sweep.criteria):
        _draw_marks(axes, sweep, criterion, height)
    if sweep.smallest_enough is not None:
        axes.axvline(_place(sweep, sweep.smallest_enough), color=TWIN, linewidth=1.2, linestyle=(0, (4, 2)))
    names = [criterion.criterion if named else "" for criterion in sweep.criteria]
    axes.set_yticks(range(len(names)), names, color=TEXT)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xticks(range(len(sweep.depths)), [str(each.depth) for each in sweep.depths])
    axes.set_xlim(-0.5, len(sweep.depths) - 0.5)
    axes.set_xlabel("blocks")


def _draw_marks(axes: Axes, sweep: JudgedSweep, criterion: JudgedCriterion, height: int) -> None:
    shifts = np.linspace(-APART, APART, len(criterion.answers)) if len(criterion.answers) > 1 else [0.0]
    for shift, answer in zip(shifts, criterion.answers.values(), strict=True):
        place = _place(sweep, sweep.depths[-1].depth if answer is None else answer)
        filled = "none" if answer is None else MODEL
        axes.plot([place], [height + shift], "o", markersize=3, markerfacecolor=filled, markeredgecolor=MODEL)


def _place(sweep: JudgedSweep, depth: int) -> float:
    """Where a depth stands; one that was not trained, between its neighbours."""
    trained = [each.depth for each in sweep.depths]
    return float(np.interp(depth, trained, range(len(trained))))


def _entries() -> list[Line2D]:
    return [
        Line2D([], [], color=MODEL, linewidth=2, marker="_", label="Dice, 95 % interval"),
        Line2D([], [], color=MODEL, alpha=0.45, marker="o", markersize=3, linewidth=0, label="one seed"),
        Line2D([], [], color=TWIN, linewidth=1.2, linestyle=(0, (4, 2)), label="smallest not inferior"),
        Line2D([], [], color=MODEL, marker="o", markersize=3, linewidth=0, label="answer, a seed"),
        Line2D(
            [], [], color=MODEL, marker="o", markersize=3, markerfacecolor="none", linewidth=0, label="inconclusive"
        ),
    ]
