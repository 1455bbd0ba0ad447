"""How one piece of a model is drawn: a box, bars for convolutions, a triangle for upsampling, a circle for a joint."""

from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyBboxPatch, Polygon, Rectangle

from trimformer.records.description import Node, Part
from trimformer.report.architecture.layout import (
    BOX_HEIGHT,
    CONVOLUTION_WIDTH,
    JOINT_WIDTH,
    JOINTS,
    MAX_BARS,
    TRIANGLE_WIDTH,
    Point,
    glyph_width,
)
from trimformer.report.themes import MODEL, MUTED, SERIES, TWIN

COLOURS: dict[Part, str] = {
    "image": MUTED,
    "transformer": MODEL,
    "trunk": SERIES[2],
    "decoder": TWIN,
    "head": SERIES[3],
}
PAGE = "#ffffff"


def draw_piece(axes: Axes, node: Node, centre: Point, *, colour: str, text: str, height: float = BOX_HEIGHT) -> None:
    """Draw a piece around `centre`, boxes as high as given and with `text` in them."""
    x, y = centre
    left = x - glyph_width(node, height) / 2
    if node.kind in JOINTS:
        _draw_joint(axes, node, centre, colour)
    elif node.kind in ("upsampling", "convolutions"):
        if node.upsampling:
            inset = 3 if node.kind == "upsampling" else 0
            _draw_triangle(axes, left + inset, y, colour, hollow=node.upsampling == "interpolation")
            left += TRIANGLE_WIDTH + 3
        for bar in range(min(node.convolutions, MAX_BARS)):
            corner = (left + bar * (CONVOLUTION_WIDTH + 2), y - height / 2)
            axes.add_patch(Rectangle(corner, CONVOLUTION_WIDTH, height, color=colour, linewidth=0, zorder=5))
    else:
        _draw_box(axes, node, Rectangle((left, y - height / 2), glyph_width(node, height), height), colour, text)


def _draw_box(axes: Axes, node: Node, box: Rectangle, colour: str, text: str) -> None:
    x, y = box.get_center()
    style = "round,pad=3,rounding_size=4" if node.kind == "block" else "square,pad=3"
    face = PAGE if node.kind in ("image", "logits") else colour
    inner = (box.get_x() + 3, box.get_y() + 3), box.get_width() - 6, box.get_height() - 6
    axes.add_patch(FancyBboxPatch(*inner, style, facecolor=face, edgecolor=colour, zorder=5))
    if node.kind == "patches":
        pitch = box.get_width() / 4
        for cell in range(9):
            corner = (x + pitch * (cell % 3 - 1) - pitch * 0.36, y + pitch * (cell // 3 - 1) - pitch * 0.36)
            axes.add_patch(Rectangle(corner, 0.72 * pitch, 0.72 * pitch, color=PAGE, linewidth=0, zorder=6))
    axes.text(x, y, text, ha="center", va="center_baseline", color=PAGE, fontweight="bold", fontsize=9, zorder=6)


def _draw_joint(axes: Axes, node: Node, centre: Point, colour: str) -> None:
    x, y = centre
    axes.add_patch(Circle(centre, JOINT_WIDTH / 2, facecolor=PAGE, edgecolor=colour, linewidth=1.3, zorder=5))
    strokes = {
        "concatenation": [((x - 2.4, y - 4), (x - 2.4, y + 4)), ((x + 2.4, y - 4), (x + 2.4, y + 4))],
        "addition": [((x - 4.5, y), (x + 4.5, y)), ((x, y - 4.5), (x, y + 4.5))],
    }.get(node.kind, [])
    for (x0, y0), (x1, y1) in strokes:
        axes.plot([x0, x1], [y0, y1], color=colour, linewidth=1.5, zorder=6, solid_capstyle="butt")


def _draw_triangle(axes: Axes, left: float, y: float, colour: str, *, hollow: bool) -> None:
    half = TRIANGLE_WIDTH / 2
    corners = [(left, y + half), (left + TRIANGLE_WIDTH, y + half), (left + half, y - half)]
    axes.add_patch(Polygon(corners, facecolor=PAGE if hollow else colour, edgecolor=colour, linewidth=1.2, zorder=5))


def draw_arrowhead(axes: Axes, before: Point, tip: Point, colour: str) -> None:
    """End a line that comes from `before`."""
    (x0, y0), (x, y) = before, tip
    if x0 == x:
        back = y - 6 if y > y0 else y + 6
        corners = [(x, y), (x - 3.2, back), (x + 3.2, back)]
    else:
        corners = [(x, y), (x - 6, y - 3.2), (x - 6, y + 3.2)]
    axes.add_patch(Polygon(corners, color=colour, linewidth=0, zorder=4))
