"""The effective receptive field: how far it reaches at every depth, and its mean picture around the query."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from trimformer.records.patient_measures import PatientMeasures
from trimformer.records.slice_pixels import Pixels
from trimformer.report.attention.axes import depth_axis, draw_line, heading
from trimformer.report.attention.between import measured_region
from trimformer.report.attention.paper import DOUBLE_COLUMN, REGION_WORDS
from trimformer.report.attention.sheets import Panel, Scale, Sheet, balanced_rows
from trimformer.report.charts import curve
from trimformer.report.pictures import colours
from trimformer.report.themes import MODEL, TEXT, UNIFORM

TITLES = {
    "far_field_ratio": ("Far-field ratio", "0 local, 1 uniform"),
    "far_query_share": ("Far queries", "share with F ≥ 0.25"),
    "outside_share": ("Beyond the own patch", "share of the field"),
}
GATE = 0.5
"""The far-field ratio that the rule asks for."""
DECADES = 2
"""The colours go from the largest share outside the query's own patch down to this power of ten below it."""
MISSING = 235
"""Grey of a place that no query has."""


def far_field(measures: PatientMeasures, name: str) -> Figure:
    """How far the field reaches before the first block (the trunk alone, 0) and after each, with patient bands."""
    region = measured_region(measures, "far_field_ratio")
    figure = Figure(figsize=(DOUBLE_COLUMN, 2.3), layout="constrained")
    heading(figure, f"Effective receptive field · {name} · {REGION_WORDS[region]}")
    for axes, (measure, (title, unit)) in zip(figure.subplots(1, 3), TITLES.items(), strict=True):
        values = curve(measures.measures[f"{region}/{measure}"])
        if measure == "far_field_ratio":
            _reference(axes, 1.0, "uniform", UNIFORM)
            _reference(axes, GATE, f"the rule asks {GATE:g}", TEXT)
        draw_line(axes, np.arange(len(values.mean)), values, MODEL)
        axes.set_title(title, loc="left", fontweight="bold")
        axes.set(xlabel="after block (0: before the first)", ylabel=unit)
        axes.set_ylim(0, 1.08 * float(np.nanmax([1.0, *values.mean, *values.high])))
        depth_axis(axes, len(values.mean) - 1, first=0)
    return figure


def field_maps(measures: PatientMeasures, name: str) -> Sheet:
    """The mean field around the query, before the first block and after each, on one logarithmic scale."""
    region = measured_region(measures, "far_field_ratio")
    pictures = measures.pictures[f"{region}/centred"]
    largest = _largest_outside(pictures)
    ratio = pictures.shape[1] / pictures.shape[2]
    panels = [
        Panel("Before block 1" if depth == 0 else f"After block {depth}", _pixels(picture, largest), "", ratio)
        for depth, picture in enumerate(pictures)
    ]
    columns, rows = balanced_rows(panels, 5)
    words = (
        "Mean norm of the gradient of a token's state at the pixels of every patch, by place relative to that token, "
        "which is in the middle; rows and columns as the model sees them. Before block 1 stands what the patch "
        "embedding or the trunk alone sees."
    )
    ticks = ((0.0, f"≤ {_share(largest * 10**-DECADES)}"), (1.0, f"≥ {_share(largest)}"))
    scale = Scale(ticks, "share of the field in one patch (log scale)")
    return Sheet(f"Effective receptive field · {name} · {REGION_WORDS[region]}", words, rows, columns, scale=scale)


def _largest_outside(pictures: np.ndarray) -> float:
    """The largest share of any patch but the query's own, whose share would leave the others dark."""
    others = np.nan_to_num(pictures.copy())
    others[:, pictures.shape[1] // 2, pictures.shape[2] // 2] = 0
    return float(others.max()) or 1.0


def _pixels(picture: np.ndarray, largest: float) -> Pixels:
    strength = 1 + np.log10(np.maximum(np.nan_to_num(picture) / largest, 1e-12)) / DECADES
    pixels = colours(np.clip(strength, 0, 1)).copy()
    pixels[np.isnan(picture)] = MISSING
    return pixels


def _share(value: float) -> str:
    return f"{100 * value:.2g} %"


def _reference(axes: Axes, height: float, words: str, colour: str) -> None:
    axes.axhline(height, color=colour, linewidth=0.9, linestyle=(0, (6, 3)) if colour == UNIFORM else (0, (1, 2)))
    axes.annotate(
        words, (0.98, height), (0, 2), xycoords=("axes fraction", "data"), textcoords="offset points", ha="right",
        fontsize="small", color=colour, path_effects=[withStroke(linewidth=2, foreground="white")],
    )  # fmt: skip
