"""Charts of the Dice that remains: when attention is limited to a radius, and when the last blocks are skipped."""

from collections.abc import Mapping
from itertools import cycle, islice
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from trimformer.records.causal_radius import CausalRadius
from trimformer.records.skipped_blocks import SkippedBlocks
from trimformer.report.attention.axes import BELOW, depth_axis, dice_axis, draw_line, heading, paired
from trimformer.report.attention.paper import DOUBLE_COLUMN, SINGLE_COLUMN, SMALL_POINTS
from trimformer.report.attention.sheets import fitted
from trimformer.report.charts import Curve
from trimformer.report.themes import MODEL, SERIES, TWIN, UNIFORM

BAND = "95 % interval of the change, patients"
COLUMNS = 4
WHOLE: dict[str, Any] = {"color": UNIFORM, "linewidth": 1.0, "linestyle": (0, (6, 3))}


def causal_radius(record: CausalRadius, name: str) -> Figure:
    """The Dice that remains against the radius: a panel a block, for that block alone and for all blocks up to it."""
    count = len(record.block_names)
    columns = min(COLUMNS, count)
    rows = -(-count // columns)
    width = DOUBLE_COLUMN if count > 2 else SINGLE_COLUMN
    words = [record.words()[-2 if record.num_prefix_tokens else -1]]
    figure = Figure(figsize=(width, 1.0 + 1.35 * rows), layout="constrained")
    heading(figure, f"Is the distance used? · {name}", words)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    whole = float(np.nanmean(record.unlimited))
    drawn = []
    for block, axes in enumerate(grid.flat):
        if block >= count:
            axes.set_visible(False)
            continue
        curves = [paired(each[:, :, block], record.unlimited) for each in (record.up_to, record.only)]
        drawn += curves
        _draw_radii(axes, record.radii_mm, curves, whole)
        axes.set_title(f"Block {block + 1}", loc="left", fontweight="bold")
        if block % columns == 0:
            axes.set_ylabel("Dice that remains")
        if block + columns >= count:
            axes.tick_params(labelbottom=True)
            axes.set_xlabel("attention no further than (mm)")
    dice_axis(grid[0, 0], drawn)
    figure.legend(handles=_radius_entries(), loc=BELOW, ncols=4 if width == DOUBLE_COLUMN else 2, fontsize="small")
    return figure


def skipped_blocks(record: SkippedBlocks, name: str) -> Figure:
    """The Dice of the first k blocks, the others skipped without training again; every patient a thin line."""
    count = len(record.block_names)
    figure = Figure(figsize=(SINGLE_COLUMN, 2.9), layout="constrained")
    heading(figure, f"The first blocks alone · {name}", [record.words()])
    axes = figure.add_subplot()
    depths = np.arange(count + 1)
    axes.plot(depths, record.dice.T, color=UNIFORM, linewidth=0.5, alpha=0.5)
    values = paired(record.dice, record.dice[:, -1])
    axes.axhline(values.mean[-1], **WHOLE)
    draw_line(axes, depths, values, MODEL)
    depth_axis(axes, count, first=0)
    dice_axis(axes, [values])
    axes.set(xlabel="blocks that run", ylabel="Dice that remains")
    entries: list[Line2D | Patch] = [_line(MODEL, "mean"), Patch(color=MODEL, alpha=0.16, linewidth=0, label=BAND)]
    entries += [Line2D([], [], color=UNIFORM, linewidth=0.5, label="one patient"), _whole_entry()]
    figure.legend(handles=entries, loc=BELOW, ncols=2, fontsize="small")
    return figure


def compared_remaining(radii: Mapping[str, CausalRadius], skipped: Mapping[str, SkippedBlocks]) -> Figure:
    """Several models: the Dice with all blocks limited to a radius, and with the first blocks alone."""
    figure = Figure(figsize=(DOUBLE_COLUMN, 2.7), layout="constrained")
    heading(figure, "Models compared · the Dice that remains")
    names = list(dict.fromkeys((*radii, *skipped)))
    colours = dict(zip(names, islice(cycle(SERIES), len(names)), strict=True))
    left, right = figure.subplots(1, 2)
    limited = {name: paired(record.up_to[:, :, -1], record.unlimited) for name, record in radii.items()}
    for name, values in limited.items():
        order = np.argsort(radii[name].radii_mm)
        draw_line(left, np.array(radii[name].radii_mm)[order], _in_order(values, order), colours[name])
    first = {name: paired(record.dice, record.dice[:, -1]) for name, record in skipped.items()}
    for name, values in first.items():
        draw_line(right, np.arange(len(values.mean)), values, colours[name])
    left.set_title("Attention limited in all blocks", loc="left", fontweight="bold")
    left.set(xlabel="attention no further than (mm)", ylabel="Dice that remains")
    right.set_title("The first blocks alone", loc="left", fontweight="bold")
    right.set(xlabel="blocks that run", ylabel="Dice that remains")
    depth_axis(right, max((len(record.block_names) for record in skipped.values()), default=1), first=0)
    for axes, curves in ((left, limited), (right, first)):
        dice_axis(axes, list(curves.values()))
    entries: list[Line2D | Patch] = [_line(colours[name], fitted(name, SMALL_POINTS, 1.8)) for name in names]
    entries.append(Patch(color=UNIFORM, alpha=0.2, linewidth=0, label=BAND))
    figure.legend(handles=entries, loc=BELOW, ncols=3, fontsize="small")
    return figure


def _draw_radii(axes: Axes, radii_mm: tuple[float, ...], curves: list[Curve], whole: float) -> None:
    """Radii double from one to the next: they stand at equal steps, with their lengths written under them."""
    order = np.argsort(radii_mm)
    places = np.arange(len(order))
    axes.axhline(whole, **WHOLE)
    for values, colour, marker in zip(curves, (TWIN, MODEL), ("s", "o"), strict=True):
        draw_line(axes, places, _in_order(values, order), colour, marker=marker)
    every = max(1, -(-len(order) // 6))
    axes.set_xticks(places[::every], [f"{radii_mm[index]:.3g}" for index in order[::every]])
    axes.grid(axis="x", visible=False)


def _in_order(values: Curve, order: np.ndarray) -> Curve:
    return Curve(values.mean[order], values.low[order], values.high[order])


def _radius_entries() -> list[Line2D | Patch]:
    return [
        _line(MODEL, "limited in this block alone"),
        _line(TWIN, "in all blocks up to it", "s"),
        Patch(color=UNIFORM, alpha=0.2, linewidth=0, label=BAND),
        _whole_entry(),
    ]


def _whole_entry() -> Line2D:
    return Line2D([], [], **WHOLE, label="the model as it is")


def _line(colour: str, label: str, marker: str = "o") -> Line2D:
    return Line2D([], [], color=colour, linewidth=1.4, marker=marker, markersize=3, label=label)
