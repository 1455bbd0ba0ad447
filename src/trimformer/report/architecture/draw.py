"""The drawing of a model: its pieces by resolution, coloured by part, with the channels on every one of them."""

from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from trimformer.records.description import ArchitectureDescription, Node
from trimformer.report.architecture.glyphs import COLOURS, PAGE, draw_arrowhead, draw_piece
from trimformer.report.architecture.layout import (
    BOX_HEIGHT,
    JOINT_WIDTH,
    JOINTS,
    LEFT_MARGIN,
    TRIANGLE_WIDTH,
    Layout,
    lay_out,
)
from trimformer.report.architecture.legend import draw_legend_row, legend_rows
from trimformer.report.saving import check_suffix, save_figure
from trimformer.report.themes import GRID, MUTED, STYLE

PIXELS_PER_INCH = 100
BAND = "#f4f6f8"
TITLE_HEIGHT, LEGEND_ROW, NARROWEST = 62.0, 28.0, 860.0
NUMBER_POINTS, NOTE_POINTS = 8.8, 8.0


def draw_architecture(description: ArchitectureDescription, path: Path) -> None:
    """Write the drawing of a model as PNG, SVG or PDF, by the file's suffix.

    Raises:
        UserError: The suffix is none of these, or the file cannot be written.
    """
    check_suffix(path)
    with matplotlib.rc_context({**STYLE, "font.size": NUMBER_POINTS}):
        save_figure(architecture_figure(description), path, 2 * PIXELS_PER_INCH, PAGE)


def architecture_figure(description: ArchitectureDescription) -> Figure:
    """The drawing as a figure; one unit of its axes is a hundredth of an inch, y grows downwards."""
    layout = lay_out(description)
    width = max(layout.width, NARROWEST)
    rows = legend_rows(description, width)
    height = TITLE_HEIGHT + layout.height + 14 + LEGEND_ROW * len(rows) + 8
    figure = Figure(figsize=(width / PIXELS_PER_INCH, height / PIXELS_PER_INCH))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height - TITLE_HEIGHT, -TITLE_HEIGHT))
    axes.set_axis_off()
    _draw_title(axes, description)
    _draw_levels(axes, layout, width)
    _draw_lines(axes, layout, {node.name: node for node in description.nodes})
    inscriptions = _inscriptions(description.nodes)
    for node in description.nodes:
        centre, text = layout.centres[node.name], inscriptions.get(node.name, "")
        draw_piece(axes, node, centre, colour=COLOURS[node.part], text=text)
        _draw_texts(axes, node, layout)
    for number, row in enumerate(rows):
        draw_legend_row(axes, row, layout.height + 14 + LEGEND_ROW * (number + 0.5))
    return figure


def _draw_title(axes: Axes, description: ArchitectureDescription) -> None:
    settings = description.settings
    words = [description.name]
    if settings.get("num_blocks") is not None:
        words += [f"{settings['num_blocks']} blocks", f"{settings['decoder']} decoder"]
    words += [f"{settings[key]}" for key in ("trunk", "size") if settings.get(key)]
    parts = ", ".join(f"{part} {_millions(count)}" for part, count in description.parameters.items())
    total = f"{_millions(description.total_parameters)} parameters"
    axes.text(16, -TITLE_HEIGHT + 20, "  ·  ".join(words), fontsize=13, fontweight="bold", va="center")
    several = len(description.parameters) > 1
    axes.text(16, -TITLE_HEIGHT + 43, f"{total}: {parts}" if several else total, fontsize=9.5, color=MUTED, va="center")


def _draw_levels(axes: Axes, layout: Layout, width: float) -> None:
    for level in layout.levels:
        axes.add_patch(Rectangle((12, level.top), width - 24, level.bottom - level.top, color=BAND, linewidth=0))
        middle = (level.top + level.bottom) / 2
        axes.text(24, middle - 8, f"{level.rows} × {level.columns}", fontsize=9.5, fontweight="bold", va="center")
        share = "full grid" if level.factor == 1 else f"1/{level.factor}"
        axes.text(24, middle + 9, share, fontsize=8, color=MUTED, va="center")
    axes.plot([LEFT_MARGIN] * 2, [layout.levels[0].top, layout.levels[-1].bottom], color=GRID, linewidth=0.8)


def _draw_lines(axes: Axes, layout: Layout, nodes: dict[str, Node]) -> None:
    """Every source's lines over a pale shadow, so that where two sources cross one is seen to pass over the other."""
    for order, source in enumerate(nodes):
        routes = [route for route in layout.routes if route.edge.source == source]
        colour = COLOURS[nodes[source].part]
        for shade, width, height in ((BAND, 4.2, 0.0), (colour, 1.25, 0.5)):
            for route in routes:
                xs, ys = zip(*route.corners, strict=True)
                level = 2 + (order + height) / len(nodes)
                axes.plot(xs, ys, color=shade, linewidth=width, zorder=level, solid_joinstyle="round")
        for route in routes:
            draw_arrowhead(axes, route.corners[-2], route.corners[-1], colour)


def _draw_texts(axes: Axes, node: Node, layout: Layout) -> None:
    """Channels above the piece, its note below."""
    x, y = layout.centres[node.name]
    half = dict.fromkeys(JOINTS, JOINT_WIDTH) | {"upsampling": TRIANGLE_WIDTH}
    above = half.get(node.kind, BOX_HEIGHT) / 2 + 4
    beside = node.name in layout.entered_from_above
    number, place = str(node.shape.channels), (x + 3 if beside else x, y - above)
    axes.text(*place, number, ha="left" if beside else "center", va="bottom", fontsize=NUMBER_POINTS, zorder=7)
    if note := layout.notes.get(node.name):
        below = y + BOX_HEIGHT / 2 + 4
        axes.text(x, below, note, ha="center", va="top", fontsize=NOTE_POINTS, color=MUTED, linespacing=1.1, zorder=7)


def _inscriptions(nodes: tuple[Node, ...]) -> dict[str, str]:
    """What is written in a piece: the number of a block or of a trunk stage."""
    stages = [node.name for node in nodes if node.kind == "stage"]
    blocks = {node.name: str(node.block) for node in nodes if node.kind == "block"}
    return blocks | {name: str(number) for number, name in enumerate(stages, start=1)}


def _millions(count: int) -> str:
    return f"{count / 1e6:.1f} M" if count >= 1e5 else f"{count:,}"
