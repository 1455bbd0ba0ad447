"""What the charts of attention share: a heading, an axis of blocks, a line in its band."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from trimformer.records.intervals import mean_interval
from trimformer.report.attention.paper import SMALL_POINTS, TITLE_POINTS, block_ticks
from trimformer.report.attention.sheets import fitted, wrapped
from trimformer.report.charts import Curve
from trimformer.report.themes import MUTED

BELOW: Final = "outside lower left"
"""Where a legend stands: under the panels, for the figure's own title stands above them."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def heading(figure: Figure, text: str, words: Sequence[str] = ()) -> None:
    """The figure's title, flush left, and sentences under it in lines that fit."""
    width = figure.get_figwidth() - 0.1
    text = fitted(text, TITLE_POINTS, width)
    lines = [line for sentence in words for line in wrapped(sentence, SMALL_POINTS, width)]
    # Room is kept by empty lines of the title itself: the layout then makes the panels smaller.
    room = "\n" * len(lines)
    figure.suptitle(text + room, x=0.006, ha="left", fontsize=TITLE_POINTS, fontweight="bold", linespacing=1.25)
    line_height = TITLE_POINTS * 1.25 * 1.05 / 72 / figure.get_figheight()
    for number, line in enumerate(lines, start=1):
        figure.text(0.006, 0.98 - number * line_height, line, fontsize=SMALL_POINTS, color=MUTED, va="top")


def depth_axis(axes: Axes, num_blocks: int, first: int = 1) -> None:
    """Blocks from 1, or depths from 0: before the first block."""
    axes.set_xticks([*([0] if first == 0 else []), *block_ticks(num_blocks)])
    axes.set_xlim(first - 0.5, num_blocks + 0.5)
    axes.grid(axis="x", visible=False)


def draw_line(axes: Axes, places: np.ndarray, values: Curve, colour: str, label: str = "", marker: str = "o") -> Line2D:
    """The mean in its band of patients; the line is returned for the legend."""
    axes.fill_between(places, values.low, values.high, color=colour, alpha=0.16, linewidth=0)
    (line,) = axes.plot(places, values.mean, color=colour, linewidth=1.4, marker=marker, markersize=3, label=label)
    line.set_clip_on(False)  # a marker on an axis stays whole
    return line


def paired(values: np.ndarray, reference: np.ndarray) -> Curve:
    """Means over patients, and the interval of their paired change from a reference, around each mean.

    Args:
        values: (patients, places).
        reference: (patients,).
    """
    changes = [mean_interval(column) for column in (values - reference[:, None]).T]
    whole = mean_interval(reference)[0]
    bounds = np.array([interval or (np.nan, np.nan) for _, interval in changes]).reshape(-1, 2)
    return Curve(whole + np.array([mean for mean, _ in changes]), whole + bounds[:, 0], whole + bounds[:, 1])


def dice_axis(axes: Axes, curves: Sequence[Curve]) -> None:
    """As far as means and bands go, within 0 and 1; never closer than a tenth of the scale."""
    bounds = [bound for curve in curves for bound in (curve.low, curve.high, curve.mean)]
    found = np.concatenate(bounds)
    found = found[np.isfinite(found)]
    low, high = (found.min(), found.max()) if found.size else (0.0, 1.0)
    spare = max(0.04 * (high - low), (0.1 - (high - low)) / 2)
    axes.set_ylim(max(0.0, low - spare), min(1.0, high + spare))
