"""Charts of what lies between: how alike the states are after any two blocks, and which organ attends to which."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from trimformer.records.patient_measures import PatientMeasures
from trimformer.report.attention.axes import BELOW, MARKERS, depth_axis, draw_line, heading
from trimformer.report.attention.paper import DOUBLE_COLUMN, REGION_WORDS, SMALL_POINTS, block_ticks
from trimformer.report.charts import Curve, curve, log_scale
from trimformer.report.formats import plain
from trimformer.report.themes import MODEL, SERIES, TEXT, UNIFORM

WRITTEN_UP_TO = 8
"""Depths whose CKA is also written as a number in its cell."""
COLUMNS = 4


def similarity(measures: PatientMeasures, name: str) -> Figure:
    """CKA between the states at any two depths as a heat map, and the influence of every block."""
    region = measured_region(measures, "cka")
    figure = Figure(figsize=(DOUBLE_COLUMN, 3.0), layout="constrained")
    heading(figure, f"How alike the blocks are · {name} · {REGION_WORDS[region]}")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.35))
    _heat_map(figure, left, _mean(measures.measures[f"{region}/cka"]))
    influence = curve(measures.measures[f"{region}/block_influence"])
    count = len(influence.mean)
    draw_line(right, np.arange(1, count + 1), influence, MODEL)
    right.set_title("Block influence", loc="left", fontweight="bold")
    right.set(xlabel="block", ylabel="1 − cosine of states before and after", ylim=(0, None))
    depth_axis(right, count)
    return figure


def organs(measures: PatientMeasures, name: str) -> Figure:
    """Head-mean attention from each organ to each, over that of uniform attention, against depth: a panel an organ."""
    names = [plain(organ) for organ in measures.about["organs"]]
    values = measures.measures["over_uniform"].mean(axis=2)  # heads
    columns = min(COLUMNS, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(DOUBLE_COLUMN, 0.9 + 1.55 * rows), layout="constrained")
    heading(figure, f"Which organ attends to which · {name}")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for query, axes in enumerate(grid.flat):
        if query >= len(names):
            axes.set_visible(False)
            continue
        axes.axhline(1, color=UNIFORM, linewidth=1.0, linestyle=(0, (6, 3)))
        for key in range(len(names)):
            one = curve(values[:, :, query, key])
            depths = np.arange(1, len(one.mean) + 1)
            draw_line(axes, depths, _above_zero(one), _colour(key), marker=MARKERS[key % len(MARKERS)])
        axes.set_title(f"From {names[query]}", loc="left", fontweight="bold")
        depth_axis(axes, values.shape[1])
        if query % columns == 0:
            axes.set_ylabel("times uniform")
        if query + columns >= len(names):
            axes.tick_params(labelbottom=True)
            axes.set_xlabel("block")
    log_scale(grid[0, 0])
    figure.legend(handles=_organ_entries(names), loc=BELOW, ncols=5, fontsize="small")
    return figure


def measured_region(measures: PatientMeasures, measure: str) -> str:
    """`foreground`, or `all` where no patient had a foreground."""
    return "foreground" if np.isfinite(measures.measures[f"foreground/{measure}"]).any() else "all"


def _heat_map(figure: Figure, axes: Axes, values: np.ndarray) -> None:
    count = len(values)
    image = axes.imshow(values, cmap="cividis", vmin=0, vmax=1, origin="lower")
    axes.set_title("CKA of states", loc="left", fontweight="bold")
    ticks = [0, *block_ticks(count - 1)]
    axes.set(xticks=ticks, yticks=ticks, xlabel="after block (0: before the first)", ylabel="after block")
    axes.grid(visible=False)
    if count <= WRITTEN_UP_TO:
        for (row, column), value in np.ndenumerate(values):
            colour = TEXT if value > 0.55 else "white"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=SMALL_POINTS - 1, color=colour)
    bar = figure.colorbar(image, ax=axes, shrink=0.9, aspect=18)
    bar.outline.set_visible(False)


def _mean(values: np.ndarray) -> np.ndarray:
    """Over the patients that have a value."""
    return np.ma.masked_invalid(values).mean(axis=0).filled(np.nan)


def _above_zero(values: Curve) -> Curve:
    """A band that a logarithmic axis can show."""
    return Curve(values.mean, np.maximum(values.low, 0.05 * values.mean), values.high)


def _colour(key: int) -> str:
    return SERIES[key % len(SERIES)]


def _organ_entries(names: list[str]) -> list[Line2D]:
    entries = [
        Line2D(
            [],
            [],
            color=_colour(key),
            marker=MARKERS[key % len(MARKERS)],
            markersize=3,
            linewidth=1.4,
            label=f"to {name}",
        )
        for key, name in enumerate(names)
    ]
    return [*entries, Line2D([], [], color=UNIFORM, linewidth=1.0, linestyle=(0, (6, 3)), label="uniform attention")]
