"""A sheet of pictures in rows and columns, laid out in inches, so that no text can meet another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from trimformer.records.slice_pixels import Pixels
from trimformer.report.attention.paper import DOUBLE_COLUMN, POINTS, SMALL_POINTS, TITLE_POINTS
from trimformer.report.pictures import colours
from trimformer.report.themes import MUTED, TEXT

GAP, MARGIN = 0.09, 0.06
CAPTION, ROW_LABEL, LINE = 0.19, 0.23, 0.165
TITLE, SCALE = 0.24, 0.42
ROUNDING = 1.03
"""Letters whose places are rounded to the dots of a coarse screen take so much more."""


@dataclass(frozen=True, eq=False)
class Panel:
    """One picture: its caption in bold, a note behind it, and what is drawn over its pixels."""

    caption: str
    pixels: Pixels
    note: str = ""
    height_to_width: float = 1.0
    marks: Callable[[Axes], None] | None = None


@dataclass(frozen=True, eq=False)
class Row:
    """Panels beside each other; the label stands above them."""

    panels: Sequence[Panel]
    label: str = ""


@dataclass(frozen=True)
class Scale:
    """What the colours mean: texts at places from 0 (dark) to 1 (bright), and words beside the bar."""

    ticks: Sequence[tuple[float, str]]
    words: str

    @classmethod
    def around_one(cls, limit: int, words: str = "times uniform attention (log scale)") -> "Scale":
        """From 1/limit to limit."""
        return cls(((0.0, f"1/{limit}"), (0.5, "1"), (1.0, f"{limit}")), words)


@dataclass(frozen=True, eq=False)
class Sheet:
    """Everything on one sheet; `limit` asks for the colour scale of attention."""

    title: str
    words: str
    rows: Sequence[Row]
    columns: int
    limit: int | None = None
    width: float = DOUBLE_COLUMN
    scale: Scale | None = None
    lines: list[str] = field(init=False)

    def __post_init__(self) -> None:
        """Break the words into lines of the sheet's width; the limit is a scale."""
        object.__setattr__(self, "lines", wrapped(self.words, SMALL_POINTS, self.width - 2 * MARGIN))
        if self.limit is not None:
            object.__setattr__(self, "scale", Scale.around_one(self.limit))

    @property
    def panel_width(self) -> float:
        """Inches."""
        return (self.width - 2 * MARGIN - GAP * (self.columns - 1)) / self.columns

    def row_height(self, row: Row) -> float:
        """Inches, with label and captions."""
        tallest = max(panel.height_to_width for panel in row.panels)
        return (ROW_LABEL if row.label else 0) + CAPTION + tallest * self.panel_width

    @property
    def height(self) -> float:
        """Inches."""
        rows = sum(self.row_height(row) + GAP for row in self.rows)
        return MARGIN + TITLE + LINE * len(self.lines) + rows + (SCALE if self.scale else 0)


def draw_sheet(sheet: Sheet) -> Figure:
    """The sheet as a figure."""
    figure = Figure(figsize=(sheet.width, sheet.height))
    top = MARGIN
    _write(figure, MARGIN, top, fitted(sheet.title, TITLE_POINTS, sheet.width - 2 * MARGIN), TITLE_POINTS, bold=True)
    top += TITLE
    for line in sheet.lines:
        _write(figure, MARGIN, top, line, SMALL_POINTS, MUTED)
        top += LINE
    for row in sheet.rows:
        _draw_row(figure, sheet, row, top)
        top += sheet.row_height(row) + GAP
    if sheet.scale is not None:
        beside = sheet.width - 2 * MARGIN - 0.1 - inches(sheet.scale.words, SMALL_POINTS)
        _draw_scale(figure, top + 0.06, min(2.6, beside), sheet.scale)
    return figure


def balanced_rows(panels: Sequence[Panel], most: int) -> tuple[int, list[Row]]:
    """Columns, at most so many, and rows that are as full as each other.

    Example:
        >>> [len(row.panels) for row in balanced_rows([Panel("", np.zeros((1, 1, 3), np.uint8))] * 6, 5)[1]]
        [3, 3]
    """
    rows = -(-len(panels) // most)
    columns = -(-len(panels) // rows)
    return columns, [Row(panels[start : start + columns]) for start in range(0, len(panels), columns)]


def _draw_row(figure: Figure, sheet: Sheet, row: Row, top: float) -> None:
    if row.label:
        _write(figure, MARGIN, top + 0.03, fitted(row.label, POINTS, sheet.width - 2 * MARGIN), POINTS, bold=True)
        top += ROW_LABEL
    width = sheet.panel_width
    for place, panel in enumerate(row.panels):
        left = MARGIN + place * (width + GAP)
        _write(figure, left, top + 0.03, panel.caption, SMALL_POINTS, bold=True)
        beside = inches(panel.caption, SMALL_POINTS, bold=True) + 0.05
        _write(figure, left + beside, top + 0.03, fitted(panel.note, SMALL_POINTS, width - beside), SMALL_POINTS, MUTED)
        axes = _axes(figure, left, top + CAPTION, width, panel.height_to_width * width)
        axes.imshow(panel.pixels, interpolation="none", aspect="auto", extent=(0, 1, 0, 1))
        if panel.marks is not None:
            panel.marks(axes)
        axes.set(xlim=(0, 1), ylim=(0, 1))


def _draw_scale(figure: Figure, top: float, width: float, scale: Scale) -> None:
    """A bar of the colours from dark to bright."""
    axes = _axes(figure, MARGIN, top, width, 0.1)
    axes.imshow(colours(np.linspace(0, 1, 256))[None], aspect="auto", extent=(0, 1, 0, 1), interpolation="none")
    for place, text in scale.ticks:
        side = "left" if place == 0 else "right" if place == 1 else "center"
        axes.text(place, -0.35, text, ha=side, va="top", fontsize=SMALL_POINTS)
    _write(figure, MARGIN + width + 0.1, top - 0.01, scale.words, SMALL_POINTS, MUTED)


def _axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Empty axes at a place in inches from the upper left corner."""
    across, down = figure.get_size_inches()
    axes = figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return axes


def _write(
    figure: Figure, left: float, top: float, text: str, points: float, colour: str = TEXT, bold: bool = False
) -> None:
    across, down = figure.get_size_inches()
    weight = "bold" if bold else "normal"
    figure.text(left / across, 1 - top / down, text, fontsize=points, color=colour, fontweight=weight, va="top")


@lru_cache(maxsize=4096)
def inches(text: str, points: float, bold: bool = False) -> float:
    """The width of a line of text."""
    font = FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal", size=points)
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return ROUNDING * float(width) / 72


def fitted(text: str, points: float, width: float) -> str:
    """The text, its end left out where the line is too narrow; measured in the wider bold letters."""
    if inches(text, points, bold=True) <= width:
        return text
    end = next((end for end in range(len(text) - 1, 0, -1) if inches(text[:end] + "…", points, bold=True) <= width), 0)
    return text[:end].rstrip() + "…" if end else ""


def wrapped(text: str, points: float, width: float) -> list[str]:
    """The text in lines that fit."""
    lines: list[str] = []
    for word in text.split():
        if lines and inches(f"{lines[-1]} {word}", points) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
