"""Blocks against the worst loss of Dice, a line a criterion over its thresholds."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from trimformer.records.judgement import BlocksAndRegret
from trimformer.report.themes import MUTED, SERIES, TEXT, WIDE_INCHES, title

HEIGHT_INCHES = 4.2
MARKERS = "os^vDP"
"""Beside the colours, of which there are fewer than criteria."""


def regret_figure(points: Sequence[BlocksAndRegret], tolerated: float) -> Figure:
    """Draw criteria at their thresholds; lower and further left is better. The catalogue's thresholds are filled.

    Losses stand on a logarithmic scale above what is tolerated, which a dashed line shows, and on a linear one below.
    """
    figure = Figure(figsize=(WIDE_INCHES, HEIGHT_INCHES), layout="constrained")
    axes = figure.subplots()
    title(axes, "Worst regret of any sweep, in Dice")
    axes.set_xlabel("blocks answered, mean of the sweeps")
    axes.set_yscale("symlog", linthresh=tolerated, linscale=1.5)
    axes.set_yticks([0, 0.002, 0.005, 0.01, 0.03, 0.1, 0.3], ["0", "0.002", "0.005", "0.01", "0.03", "0.1", "0.3"])
    axes.minorticks_off()
    axes.axhline(tolerated, color=MUTED, linewidth=0.9, linestyle=(0, (4, 2)))
    names = list(dict.fromkeys(point.criterion for point in points))
    for index, name in enumerate(names):
        _draw(axes, [point for point in points if point.criterion == name], *_look(index))
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=min([0.0, *(point.worst_regret for point in points)]))
    figure.legend(handles=_entries(names), loc="outside right upper", fontsize="small")
    return figure


def _draw(axes: Axes, points: Sequence[BlocksAndRegret], color: str, marker: str) -> None:
    blocks, losses = [point.blocks for point in points], [point.worst_regret for point in points]
    axes.plot(blocks, losses, color=color, linewidth=1.2, marker=marker, markersize=4, markerfacecolor="white")
    own = [point for point in points if point.is_catalogues]
    axes.plot(
        [point.blocks for point in own], [point.worst_regret for point in own], marker, color=color, markersize=6.5
    )


def _look(index: int) -> tuple[str, str]:
    return SERIES[index % len(SERIES)], MARKERS[index % len(MARKERS)]


def _entries(names: Sequence[str]) -> list[Line2D]:
    looks = [(name, *_look(index)) for index, name in enumerate(names)]
    lines = [Line2D([], [], color=color, marker=marker, markersize=5, label=name) for name, color, marker in looks]
    hollow = Line2D([], [], color=TEXT, marker="o", linewidth=0, markersize=4, markerfacecolor="white")
    hollow.set_label("another threshold")
    return [*lines, hollow]
