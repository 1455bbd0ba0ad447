"""Charts of the attention profile: every measure against the block, with its reference lines."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FormatStrFormatter, LogLocator, MaxNLocator, NullLocator

from trimformer.records.intervals import mean_interval
from trimformer.records.profile import AttentionProfile
from trimformer.report.themes import MODEL, TEXT, TWIN, UNIFORM, new_figure, title

PANELS = (
    ("far_field_ratio", "Far-field ratio of each block"),
    ("distance_mm", "Mean attention distance, mm"),
    ("mixing", "Mixing"),
    ("entropy", "Entropy"),
    ("query_key_information", "Query-key information"),
    ("sink_ratio", "Sink ratio (log scale)"),
)
"""The measures of the second chart, with their titles."""


LegendPlace = Literal["outside upper left", "outside lower left"]


@dataclass(frozen=True)
class Curve:
    """A measure over the blocks: mean and 95 % interval over patients, each of shape (blocks,)."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    heads: np.ndarray | None = None
    """Means over patients of the single heads, shape (blocks, heads)."""


def curve(values: np.ndarray) -> Curve:
    """Summarise (patients, blocks) or (patients, blocks, heads); heads are averaged before patients are."""
    per_block = _over_heads(values) if values.ndim == 3 else values
    summaries = [mean_interval(column) for column in per_block.T]
    bounds = np.array([interval or (np.nan, np.nan) for _, interval in summaries]).reshape(-1, 2)
    heads = None
    if values.ndim == 3:
        finite = values[np.isfinite(values).all(axis=(1, 2))]
        heads = finite.mean(axis=0) if len(finite) else None
    return Curve(np.array([mean for mean, _ in summaries]), bounds[:, 0], bounds[:, 1], heads)


def _over_heads(values: np.ndarray) -> np.ndarray:
    """The mean over the heads that a block has; others are NaN."""
    there = np.isfinite(values)
    total, count = values.sum(axis=2, where=there), there.sum(axis=2)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def plot_cumulative_field(
    profile: AttentionProfile, region: str, tau: float, chosen: int | None
) -> Callable[[bool], Figure]:
    """How to draw the far-field ratio of the cumulative field after each block, with tau and the chosen block."""
    key = f"{region}/norm_weighted/far_field_ratio"
    model = curve(profile.model[key])
    twin = curve(profile.twin[key]) if key in profile.twin else None

    def plot(narrow: bool) -> Figure:
        figure = new_figure(narrow, 3.7, 3.6)
        axes = figure.add_subplot()
        title(axes, "Far-field ratio of the cumulative field")
        draw_curve(axes, model, twin, 1.0)
        axes.axhline(tau, color=TEXT, linewidth=0.9, linestyle=(0, (1, 2)))
        _name_threshold(axes, tau)
        _mark_chosen(axes, model, chosen)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("after block")
        draw_legend(figure, narrow, heads=False)
        return figure

    return plot


def plot_measures(profile: AttentionProfile, region: str) -> Callable[[bool], Figure]:
    """How to draw the six measures of each block and head, as small panels over one axis of blocks."""
    curves = {name: curve(profile.model[f"{region}/{name}"]) for name, _ in PANELS}
    twins = {name: curve(profile.twin[f"{region}/{name}"]) for name, _ in PANELS if f"{region}/{name}" in profile.twin}
    uniforms = {
        name: mean_interval(profile.uniform[f"{region}/{name}"])[0]
        for name, _ in PANELS
        if f"{region}/{name}" in profile.uniform
    }

    def plot(narrow: bool) -> Figure:
        figure = new_figure(narrow, 5.2, 11.0)
        grid = figure.subplots(*((6, 1) if narrow else (2, 3)), sharex=True)
        for axes, (name, text) in zip(grid.flat, PANELS, strict=True):
            title(axes, text)
            draw_curve(axes, curves[name], twins.get(name), uniforms.get(name))
        log_scale(grid.flat[-1])
        for axes in grid.flat[-1:] if narrow else grid[-1]:
            axes.set_xlabel("block")
        draw_legend(figure, narrow, heads=True)
        return figure

    return plot


def draw_curve(axes: Axes, model: Curve, twin: Curve | None, uniform: float | None) -> None:
    """Draw a measure over the blocks: the model with its band and heads, its twin, and uniform attention."""
    number = np.arange(1, len(model.mean) + 1)
    if uniform is not None and np.isfinite(uniform):
        axes.axhline(uniform, color=UNIFORM, linewidth=1.2, linestyle=(0, (6, 3)))
    if twin is not None:
        axes.fill_between(number, twin.low, twin.high, color=TWIN, alpha=0.14, linewidth=0)
        axes.plot(number, twin.mean, color=TWIN, linewidth=1.3, linestyle=(0, (3, 1.5)))
    if model.heads is not None:
        axes.plot(number, model.heads, "o", color=MODEL, markersize=2.2, alpha=0.6, markeredgewidth=0)
    axes.fill_between(number, model.low, model.high, color=MODEL, alpha=0.2, linewidth=0)
    axes.plot(number, model.mean, color=MODEL, linewidth=1.8, marker="o", markersize=3.4)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(0.6, len(number) + 0.4)
    if len(number) <= 12:
        axes.set_xticks(number)
    axes.grid(axis="x", visible=False)


def _name_threshold(axes: Axes, tau: float) -> None:
    axes.annotate(
        f"threshold {tau:g}",
        (1, tau),
        (-2, 3),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
        color=TEXT,
        fontsize="small",
    )


def log_scale(axes: Axes, which: Literal["x", "y"] = "y") -> None:
    """Make an axis logarithmic, with round figures on it."""
    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FormatStrFormatter("%g"))
    axis.set_minor_locator(NullLocator())


def _mark_chosen(axes: Axes, model: Curve, chosen: int | None) -> None:
    if chosen is None or not 1 <= chosen <= len(model.mean):
        return
    height = model.mean[chosen - 1]
    axes.axvline(chosen, color=MODEL, linewidth=7, alpha=0.14)
    axes.plot([chosen], [height], "o", markersize=9, markerfacecolor="none", markeredgecolor=MODEL, markeredgewidth=1.6)
    right = chosen <= len(model.mean) / 2
    axes.annotate(
        f"chosen: block {chosen}",
        (chosen, 0.04),
        (7 if right else -7, 0),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="left" if right else "right",
        color=MODEL,
        fontweight="bold",
    )


def draw_legend(figure: Figure, narrow: bool, heads: bool, place: LegendPlace = "outside upper left") -> None:
    """Name the lines of `draw_curve` beside the panels."""
    entries: list[Line2D | Patch] = [
        Line2D([], [], color=MODEL, linewidth=1.8, marker="o", markersize=3.4, label="trained model"),
        Patch(color=MODEL, alpha=0.2, linewidth=0, label="95 % interval, patients"),
    ]
    if heads:
        entries.append(Line2D([], [], color=MODEL, alpha=0.6, marker="o", markersize=3, linewidth=0, label="one head"))
    entries += [
        Line2D([], [], color=TWIN, linewidth=1.3, linestyle=(0, (3, 1.5)), label="permuted weights"),
        Line2D([], [], color=UNIFORM, linewidth=1.2, linestyle=(0, (6, 3)), label="uniform attention"),
    ]
    figure.legend(handles=entries, loc=place, ncols=2 if narrow else 5, fontsize="small", handlelength=2.2)
