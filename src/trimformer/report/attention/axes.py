"""What the charts of attention share: a heading, an axis of blocks, a line in its band."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from trimformer.records.intervals import mean_interval
from trimformer.report.attention.paper import SMALL_POINTS, TITLE_POINTS, block_ticks
from trimformer.report.attention.sheets import LINE, MARGIN, TITLE, fitted, wrapped
from trimformer.report.charts import Curve
from trimformer.report.themes import MUTED

BELOW: Final = "outside lower left"
"""Where a legend stands: under the panels, for the figure's own title stands above them."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def heading(figure: Figure, text: str, words: Sequence[str] = ()) -> None:
    """The figure's title, flush left, and sentences under it in lines that fit; the panels keep out of their place."""
    width, height = figure.get_size_inches()
    lines = [line for sentence in words for line in wrapped(sentence, SMALL_POINTS, width - 2 * MARGIN)]
    top = MARGIN
    title = fitted(text, TITLE_POINTS, width - 2 * MARGIN)
    figure.text(MARGIN / width, 1 - top / height, title, fontsize=TITLE_POINTS, fontweight="bold", va="top")
    top += TITLE
    for line in lines:
        figure.text(MARGIN / width, 1 - top / height, line, fontsize=SMALL_POINTS, color=MUTED, va="top")
        top += LINE
    layout: Any = figure.get_layout_engine()
    layout.set(rect=(0, 0, 1, 1 - top / height))


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
    found = np.concatenate([*bounds, np.zeros(0)])
    found = found[np.isfinite(found)]
    low, high = (found.min(), found.max()) if found.size else (0.0, 1.0)
    spare = max(0.04 * (high - low), (0.1 - (high - low)) / 2)
    axes.set_ylim(max(0.0, low - spare), min(1.0, high + spare))
