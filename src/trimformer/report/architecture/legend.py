"""The legend of a model's drawing: the parts by colour, and every kind of piece that occurs."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from trimformer.records.description import ArchitectureDescription, Node
from trimformer.report.architecture.glyphs import COLOURS, draw_piece
from trimformer.report.architecture.layout import glyph_width
from trimformer.report.themes import MUTED, TEXT

GLYPH_HEIGHT, LETTER_WIDTH, POINTS = 20.0, 7.25, 9.0
"""In pixels of the drawing, but for the size of the text."""


@dataclass(frozen=True)
class Entry:
    """One entry of the legend: a colour without a piece, or a piece without its colour."""

    text: str
    colour: str
    node: Node | None = None

    @property
    def glyph_width(self) -> float:
        """Of the piece or of the square of colour."""
        return glyph_width(self.node, GLYPH_HEIGHT) if self.node else 12.0

    @property
    def width(self) -> float:
        """With the text and the space behind it."""
        return self.glyph_width + 8 + len(self.text) * LETTER_WIDTH + 20


def legend_rows(description: ArchitectureDescription, width: float) -> list[list[Entry]]:
    """The parts by colour, then every kind of piece that occurs, in rows that fit the width."""
    parts = list(dict.fromkeys(node.part for node in description.nodes if node.kind not in ("image", "logits")))
    names = {"decoder": "network"} if parts == ["decoder"] else {}
    pieces: dict[str, Entry] = {}
    for node in description.nodes:
        for text, piece in _explained(node):
            pieces.setdefault(text, Entry(text, TEXT, piece))
    rows: list[list[Entry]] = [[Entry(names.get(part, part), COLOURS[part]) for part in parts]]
    for entry in pieces.values():
        if sum(other.width for other in rows[-1]) + entry.width > width - 40:
            rows.append([])
        rows[-1].append(entry)
    return rows


def _explained(node: Node) -> Iterator[tuple[str, Node]]:
    """The glyphs that a piece consists of, each with its meaning."""
    words = {"patches": "patch embedding, positions added", "block": "transformer block", "stage": "trunk stage"}
    if node.upsampling and node.kind in ("convolutions", "upsampling"):
        yield node.upsampling, node.model_copy(update={"kind": "upsampling", "convolutions": 0})
    if node.kind == "convolutions":
        yield "convolution, a bar each", node.model_copy(update={"convolutions": 1, "upsampling": None})
    elif node.kind not in ("image", "logits", "upsampling"):
        yield words.get(node.kind, node.label), node


def draw_legend_row(axes: Axes, row: list[Entry], y: float) -> None:
    """Draw a row around the height `y`."""
    starts = accumulate((entry.width for entry in row), initial=24.0)
    for entry, start in zip(row, starts, strict=False):
        if entry.node is None:
            axes.add_patch(Rectangle((start, y - 6), 12, 12, color=entry.colour, linewidth=0))
        else:
            centre = (start + entry.glyph_width / 2, y)
            draw_piece(axes, entry.node, centre, colour=MUTED, text="", height=GLYPH_HEIGHT)
        axes.text(start + entry.glyph_width + 8, y, entry.text, va="center", fontsize=POINTS)
