"""The pictures of docs/reading-attention.md, drawn with what the reports of Trimformer are drawn with."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import made_maps
import made_networks
import numpy as np
from lamp_measured import LampMeasured
from lamp_network import LABELS, LAMP, PATCH, SIDE, SQUARE, lamp_slices
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike

from trimformer.records.slice_pixels import Pixels
from trimformer.report.attention.axes import MARKERS, heading
from trimformer.report.attention.marks import DARK, LIGHT
from trimformer.report.attention.paper import DOUBLE_COLUMN, PAPER_STYLE
from trimformer.report.attention.sheets import Panel, Row, Scale, Sheet, draw_sheet
from trimformer.report.pictures import colours
from trimformer.report.themes import SERIES, UNIFORM

NARROWER = 5.4
"""Inches of a sheet with three pictures a row."""

LIMIT = 16
QUERIES = {"a central query": made_maps.CENTRE, "a query near a corner": 14 * 11 + 2}


def draw_all(folder: Path, measured: LampMeasured, dots: int = 150) -> None:
    """Write every picture as PNG into the folder, with so many dots an inch."""
    with rc_context(PAPER_STYLE):
        figures = {
            "maps": draw_sheet(maps()),
            "measures": measures(),
            "foreground": draw_sheet(foreground()),
            "rollout": rollout(),
            "field": draw_sheet(receptive_field()),
            "relevance": draw_sheet(relevance(measured)),
            "used": used(measured),
        }
        folder.mkdir(parents=True, exist_ok=True)
        for name, figure in figures.items():
            figure.savefig(folder / f"attention-{name}.png", dpi=dots, facecolor="white", pil_kwargs={"optimize": True})


def maps() -> Sheet:
    """Two queries of every made map."""
    made = made_maps.made_maps()
    names = [name for name in made if name != "itself only"]
    rows = [
        Row([Panel(name, tile(made[name][query]), marks=frame(query, 14)) for name in names], words.capitalize())
        for words, query in QUERIES.items()
    ]
    words = "One row of each map, laid out as the 14 x 14 patches lie in the image. The framed patch is the query."
    return Sheet("Made attention maps", words, rows, len(names), LIMIT)


def measures() -> Figure:
    """Every measure of every made map; uniform attention is the grey line."""
    values = {name: made_maps.measures_of(each) for name, each in made_maps.made_maps().items()}
    titles = {
        "distance_ratio": "Distance, times uniform",
        "far_field_ratio": "Far-field ratio F",
        "mixing": "Mixing",
        "entropy": "Entropy",
        "query_key_information": "Query-key information",
        "sink_ratio": "Sink: top over median column",
    }
    figure = Figure(figsize=(DOUBLE_COLUMN, 4.0), layout="constrained")
    heading(figure, "What each measure says of them", ["The grey line is uniform attention."])
    panels = figure.subplots(2, 3, sharey=True)
    for axes, (measure, title) in zip(panels.flat, titles.items(), strict=True):
        places = range(len(values))
        found = [each[measure] for each in values.values()]
        axes.axvline(values["uniform"][measure], color=UNIFORM, linewidth=1.0, linestyle=(0, (3, 1.5)))
        axes.plot(found, places, linestyle="none", marker="o", markersize=4.5, color=SERIES[0], clip_on=False)
        axes.set_title(title, loc="left", fontweight="bold")
        axes.set_yticks(places, list(values))
        if measure == "sink_ratio":
            axes.set_xscale("log")
            axes.set_xticks([1, 10, 100], ["1", "10", "100"], minor=False)
            axes.minorticks_off()
        else:
            axes.set_xlim(-0.05, max(1.05, 1.05 * max(found)))
    panels[0, 0].invert_yaxis()
    return figure


def foreground() -> Sheet:
    """Near attention on a disc, uniform attention around it."""
    attention, inside, outside = made_maps.background_map(), made_maps.CENTRE, 14 * 2 + 2
    panels = [
        Panel("Foreground", shades(made_maps.DISC.double().numpy().reshape(14, 14))),
        Panel("A query on it", tile(attention[inside]), "looks near", marks=frame(inside, 14)),
        Panel("A query beside it", tile(attention[outside]), "uniform", marks=frame(outside, 14)),
    ]
    on_disc, on_all = made_maps.foreground_and_all()
    words = (
        f"The disc is {100 * made_maps.DISC.double().mean():.0f} % of the patches. F is {on_disc:.2f} when its patches "
        f"alone are queries and keys, and {on_all:.2f} over all patches: the average tells of the background."
    )
    return Sheet("Background patches rule every average", words, [Row(panels)], 3, LIMIT, NARROWER)


def rollout() -> Figure:
    """What near attention becomes through blocks, and what each field can see of values."""
    figure = Figure(figsize=(DOUBLE_COLUMN, 2.9), layout="constrained")
    heading(figure, "Attention followed through blocks")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.35))
    depths = range(1, 13)
    for sigma, colour, marker in zip((3, 2, 1), SERIES, MARKERS, strict=False):
        ratios = made_maps.rolled_out(made_maps.local(sigma))
        left.plot(depths, ratios, color=colour, marker=marker, markersize=3.5, label=f"sigma {sigma} patches")
    left.set_title("Local attention, rolled out", loc="left", fontweight="bold")
    left.set(xlabel="after block", ylabel="far-field ratio F", xticks=[1, 3, 6, 9, 12], ylim=(-0.02, 1.05))
    left.legend(loc="upper left", fontsize="small")
    draw_groups(right, {kind: made_networks.reached(kind).far for kind in made_networks.VALUES})
    right.set_title("Three blocks, their values overwritten", loc="left", fontweight="bold")
    right.set(ylabel="F, or share of mass", ylim=(-0.03, 1.15))
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncols=5, fontsize="small")
    return figure


def draw_groups(axes: Axes, groups: Mapping[str, Mapping[str, float]]) -> None:
    """One group of dots on stems a network."""
    names = list(next(iter(groups.values())))
    for index, (name, colour, marker) in enumerate(zip(names, SERIES, MARKERS, strict=False)):
        places = np.arange(len(groups)) + 0.13 * (index - (len(names) - 1) / 2)
        heights = [values[name] for values in groups.values()]
        axes.vlines(places, 0, heights, color=colour, linewidth=1.2)
        axes.plot(places, heights, linestyle="none", marker=marker, markersize=4, color=colour, label=name)
    axes.set_xticks(range(len(groups)), list(groups))
    axes.grid(axis="x", visible=False)


def receptive_field() -> Sheet:
    """Which patches' pixels can change a state after three blocks, its own patch in the middle."""
    panels = []
    for kind in made_networks.VALUES:
        found = made_networks.reached(kind)
        outside = f"{100 * found.far['outside the patch']:.0f} %"
        pixels = np.nan_to_num(found.picture)
        panels.append(Panel(kind.capitalize(), tile(pixels.ravel() / pixels.sum()), outside))
    words = (
        "Mean over queries, by place relative to the query: its own patch is in the middle; the rim has no query. "
        "Percent: what lies outside the own patch."
    )
    scale = Scale.around_one(LIMIT, "times an even share (log scale)")
    return Sheet("Effective receptive field after three blocks", words, [Row(panels)], 3, None, NARROWER, scale)


def relevance(measured: LampMeasured) -> Sheet:
    """The lamp's slices, what the square's patches attend to, and what speaks for the class there."""
    images = lamp_slices()[0][:, 0].numpy()
    uniform = np.full(64, 1 / 64)
    rows = []
    for name, image in zip(LABELS.values(), images, strict=False):
        patches = measured.relevance[name]
        total = patches.sum()
        share = patches / total if total > 0 else np.zeros(64)
        panels = [
            Panel("Slice", grey(image), marks=boxes),
            Panel("Attention", tile(uniform), "of every block", marks=boxes),
            Panel("Relevance", tile(share), f"for {name}, sum {total:.0f}", marks=boxes),
        ]
        rows.append(Row(panels, f"The square is {name}"))
    words = "Upper left the lamp, lower right the square. Relevance is drawn as a share of its own sum."
    scale = Scale.around_one(LIMIT, "times an even share (log scale)")
    return Sheet("The lamp network: attention and relevance", words, rows, 3, None, NARROWER, scale)


def used(measured: LampMeasured) -> Figure:
    """What is left of the Dice, beside what similarity says."""
    figure = Figure(figsize=(DOUBLE_COLUMN, 2.7), layout="constrained")
    heading(figure, "The lamp network: is a block used?")
    radius, first, alike = figure.subplots(1, 3)
    record = measured.radius
    lines: Sequence[tuple[str, np.ndarray]] = [
        *((f"block {block + 1} alone", record.only[0, :, block]) for block in range(3)),
        ("all blocks", record.up_to[0, :, -1]),
    ]
    places, sizes = range(len(record.radii_mm)), (9, 6, 3, 5)  # three of the lines lie on each other
    for (name, dice), colour, marker, size in zip(lines, SERIES, MARKERS, sizes, strict=False):
        radius.plot(places, dice, color=colour, marker=marker, markersize=size, label=name)
    radius.set_xticks(places, [f"{mm:.0f}" for mm in record.radii_mm])
    radius.legend(loc="center left", fontsize="small")
    radius.set(xlabel="attention no further than (mm)", ylabel="Dice")
    first.plot(range(4), measured.first_blocks.dice[0], color=SERIES[0], marker="o", markersize=4)
    first.set(xlabel="blocks kept, the others skipped", ylabel="Dice", xticks=range(4))
    blocks = np.arange(1, 4)
    cka = np.diagonal(measured.similarity.measures["all/cka"][0], offset=1)
    influence = measured.similarity.measures["all/block_influence"][0]
    for (name, values), colour, marker in zip(
        (("CKA, before and after", cka), ("block influence", influence)), SERIES, MARKERS, strict=False
    ):
        alike.plot(blocks, values, linestyle="none", color=colour, marker=marker, markersize=4.5, label=name)
    alike.set(xlabel="block", xticks=blocks, xlim=(0.5, 3.5))
    alike.legend(loc="center left", fontsize="small")
    for axes, title in ((radius, "Causal radius"), (first, "First blocks alone"), (alike, "Similarity")):
        axes.set_title(title, loc="left", fontweight="bold")
        axes.set_ylim(-0.03, 1.08)
    return figure


def tile(weights: ArrayLike) -> Pixels:
    """One query's attention; the colour is the weight over that of uniform attention, log scale."""
    row = np.asarray(weights, dtype=float)
    times_uniform = np.maximum(row * len(row), 1e-12)
    strength = np.clip(0.5 + 0.5 * np.log2(times_uniform) / np.log2(LIMIT), 0, 1)
    side = round(len(row) ** 0.5)
    return colours(strength.reshape(side, side))


def shades(mask: np.ndarray) -> Pixels:
    """A mask in two greys."""
    return np.repeat((90 + 130 * mask).astype(np.uint8)[..., None], 3, axis=2)


def grey(image: np.ndarray) -> Pixels:
    """A slice of the lamp task, from -1 (black) to 2 (white)."""
    return np.repeat(np.clip(255 * (image + 1) / 3, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def frame(patch: int, side: int) -> Callable[[Axes], None]:
    """How to frame a patch in axes that go from 0 to 1."""
    row, column = divmod(patch, side)
    return lambda axes: draw_box(axes, column / side, row / side, 1 / side)


def boxes(axes: Axes) -> None:
    """Frame the lamp and the square."""
    for place in (LAMP, SQUARE):
        draw_box(axes, place.start / SIDE, place.start / SIDE, 2 * PATCH / SIDE)


def draw_box(axes: Axes, left: float, top: float, size: float) -> None:
    """A light frame with a dark border, seen on any colour; from the upper left, the axes being 1 wide."""
    box = Rectangle((left, 1 - top - size), size, size, fill=False, zorder=3)
    box.set(edgecolor=LIGHT, linewidth=1.0, path_effects=[withStroke(linewidth=2.2, foreground=DARK)])
    axes.add_patch(box)
