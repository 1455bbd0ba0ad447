"""Charts of a profile against depth: distances head by head, and every measure with its reference lines."""

from collections.abc import Mapping
from itertools import cycle, islice

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from trimformer.records.intervals import mean_interval
from trimformer.records.profile import FIELD_MEASURES, MEASURES, AttentionProfile
from trimformer.report.attention.axes import BELOW, depth_axis, heading
from trimformer.report.attention.paper import (
    DOUBLE_COLUMN,
    REGION_WORDS,
    SINGLE_COLUMN,
    SMALL_POINTS,
    main_region,
)
from trimformer.report.attention.sheets import fitted
from trimformer.report.charts import Curve, curve, draw_curve, draw_legend, log_scale
from trimformer.report.themes import MODEL, SERIES, UNIFORM

NAMES = {
    "distance_px": ("Attention distance", "mean distance (px)"),
    "distance_mm": ("Attention distance", "mean distance (mm)"),
    "distance_ratio": ("Distance over uniform", "ratio"),
    "far_field_ratio": ("Far-field ratio F", "0 local, 1 uniform"),
    "mixing": ("Mixing", "attention to other patches"),
    "entropy": ("Entropy", "share of the largest"),
    "query_key_information": ("Query-key information", "share of the largest"),
    "sink_ratio": ("Sinks", "largest / median key"),
}
"""Title and axis of each measure of `MEASURES`."""

FIELD_TITLES = {"norm_weighted": "Norm-weighted rollout", "half_residual": "Rollout", "per_block": "Each block alone"}
FIELD_AXES = {
    "far_field_ratio": "far-field ratio F",
    "far_query_share": "share of queries, F ≥ 0.25",
    "far_field_ratio_without_sinks": "F without sinks",
}


def distance_by_head(profile: AttentionProfile, name: str, region: str) -> Figure:
    """The mean attention distance in mm of every head against depth, one dot a head, in one column's width."""
    model, twin, uniform = lines_of(profile, f"{region}/distance_mm")
    figure = Figure(figsize=(SINGLE_COLUMN, 2.75), layout="constrained")
    axes = figure.add_subplot()
    heading(figure, f"Where the heads look · {name}")
    draw_curve(axes, model, twin, uniform)
    _enlarge_heads(axes)
    depth_axis(axes, len(model.mean))
    axes.set(xlabel="block", ylabel="mean attention distance (mm)", ylim=(0, None))
    draw_legend(figure, True, heads=True, place=BELOW)
    return figure


def measures(profile: AttentionProfile, name: str, region: str) -> Figure:
    """Every measure of every block against depth, with patient intervals, twin and uniform attention."""
    figure = Figure(figsize=(DOUBLE_COLUMN, 4.3), layout="constrained")
    heading(figure, _subject(profile, name, region))
    for axes, measure in zip(figure.subplots(2, 4).flat, MEASURES, strict=True):
        draw_curve(axes, *lines_of(profile, f"{region}/{measure}"))
        _measure_axes(axes, measure, profile.num_blocks)
    draw_legend(figure, False, heads=True, place=BELOW)
    return figure


def fields(profile: AttentionProfile, name: str, region: str) -> Figure:
    """Every figure of the receptive fields that were measured, after each block: a field a column, a measure a row."""
    figure = Figure(figsize=(DOUBLE_COLUMN, 5.2), layout="constrained")
    heading(figure, f"Receptive field · {_subject(profile, name, region)}")
    grid = figure.subplots(len(FIELD_MEASURES), len(profile.fields), sharey="row", squeeze=False)
    for row, measure in enumerate(FIELD_MEASURES):
        for column, field in enumerate(profile.fields):
            axes = grid[row, column]
            model, twin, _ = lines_of(profile, f"{region}/{field}/{measure}")
            draw_curve(axes, model, twin, 1.0)  # uniform attention has F = 1 for every query
            depth_axis(axes, profile.num_blocks)
            if row == 0:
                axes.set_title(FIELD_TITLES[field], loc="left", fontweight="bold")
            if column == 0:
                axes.set_ylabel(FIELD_AXES[measure])
            if row == len(FIELD_MEASURES) - 1:
                axes.set_xlabel("block" if field == "per_block" else "after block")
        grid[row, 0].set_ylim(0, 1.06 * grid[row, 0].get_ylim()[1])  # so that no marker is cut
    draw_legend(figure, False, heads=False, place=BELOW)
    return figure


def compared_measures(profiles: Mapping[str, AttentionProfile]) -> Figure:
    """Every measure of several models in the same panels, each with its interval, twin and uniform attention."""
    regions = {main_region(profile) for profile in profiles.values()}
    region = "all" if "all" in regions else "foreground"
    figure = Figure(figsize=(DOUBLE_COLUMN, 4.3 + 0.06 * len(profiles)), layout="constrained")
    heading(figure, f"Models compared · {REGION_WORDS[region]}")
    colours = list(islice(cycle(SERIES), len(profiles)))
    for axes, measure in zip(figure.subplots(2, 4).flat, MEASURES, strict=True):
        for profile, colour in zip(profiles.values(), colours, strict=True):
            _draw_one_of_several(axes, *lines_of(profile, f"{region}/{measure}"), colour)
        _measure_axes(axes, measure, max(profile.num_blocks for profile in profiles.values()))
    entries = _entries(dict(zip(profiles, colours, strict=True)))
    figure.legend(handles=entries, loc=BELOW, ncols=3, fontsize="small", handlelength=2.2)
    return figure


def lines_of(profile: AttentionProfile, key: str) -> tuple[Curve, Curve | None, float | None]:
    """The curves of the model and of its twin, and the value of uniform attention, for one key of a profile."""
    twin = curve(profile.twin[key]) if key in profile.twin else None
    uniform = mean_interval(profile.uniform[key])[0] if key in profile.uniform else None
    return curve(profile.model[key]), twin, uniform


def _draw_one_of_several(axes: Axes, model: Curve, twin: Curve | None, uniform: float | None, colour: str) -> None:
    number = np.arange(1, len(model.mean) + 1)
    if uniform is not None and np.isfinite(uniform):
        axes.axhline(uniform, color=colour, linewidth=0.8, linestyle=(0, (1, 1.5)))
    if twin is not None:
        axes.plot(number, twin.mean, color=colour, linewidth=0.8, linestyle=(0, (3, 1.5)))
    axes.fill_between(number, model.low, model.high, color=colour, alpha=0.16, linewidth=0)
    axes.plot(number, model.mean, color=colour, linewidth=1.4, marker="o", markersize=2.6)


def _entries(colours: Mapping[str, str]) -> list[Line2D | Patch]:
    """What the legend of several models says."""
    models = [
        Line2D([], [], color=colour, linewidth=1.4, marker="o", markersize=2.6, label=fitted(name, SMALL_POINTS, 1.8))
        for name, colour in colours.items()
    ]
    return [
        *models,
        Patch(color=UNIFORM, alpha=0.2, linewidth=0, label="95 % interval, patients"),
        Line2D([], [], color=UNIFORM, linewidth=0.8, linestyle=(0, (3, 1.5)), label="the same, permuted weights"),
        Line2D([], [], color=UNIFORM, linewidth=0.8, linestyle=(0, (1, 1.5)), label="uniform attention on its grid"),
    ]


def _measure_axes(axes: Axes, measure: str, num_blocks: int) -> None:
    title, unit = NAMES[measure]
    axes.set_title(title, loc="left", fontweight="bold")
    axes.set(xlabel="block", ylabel=unit)
    depth_axis(axes, num_blocks)
    if measure == "sink_ratio":
        log_scale(axes)


def _enlarge_heads(axes: Axes) -> None:
    """The heads are what this chart is about."""
    for line in axes.lines:
        if line.get_color() == MODEL and line.get_linestyle() == "None":
            line.set(markersize=3.6, alpha=0.75)


def _subject(profile: AttentionProfile, name: str, region: str) -> str:
    count = len(profile.patient_ids)
    return f"{name} · {REGION_WORDS[region]} · {count} patient{'' if count == 1 else 's'}"
