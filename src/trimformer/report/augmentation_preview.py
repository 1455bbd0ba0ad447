"""The preview of an augmentation: a slice as it is, under each transform alone, and in the first epochs."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from trimformer.records.augmentation_preview import AugmentationPreview, AugmentedSlice
from trimformer.records.files import write_whole
from trimformer.records.slice_pixels import label_colour, to_page
from trimformer.report.contact_sheet import check_png
from trimformer.report.formats import plain
from trimformer.report.themes import MUTED, STYLE, TEXT, TWIN

CELL_INCHES, GAP_INCHES, CAPTION_INCHES = 1.75, 0.14, 0.56
MARGIN_INCHES, TOP_INCHES, HEADING_INCHES = 0.3, 1.0, 0.3
STEP = CELL_INCHES + GAP_INCHES
DOTS_PER_INCH = 150

NOTE_CHARACTERS = 36
"""What fits under a picture in one line."""


def draw_augmentation(preview: AugmentationPreview, class_names: Mapping[int, str], path: Path) -> None:
    """Write the preview as PNG; `class_names` are the labels that are outlined, value -> name.

    Raises:
        UserError: The file is no .png, or cannot be written.
    """
    check_png(path)
    with matplotlib.rc_context({**STYLE, "font.size": 8}):
        figure = augmentation_figure(preview, class_names)
        write_whole(path, lambda temporary: figure.savefig(temporary, format="png", dpi=DOTS_PER_INCH))


def augmentation_figure(preview: AugmentationPreview, class_names: Mapping[int, str]) -> Figure:
    """The preview as a figure, with two rows of epochs; all images share the grey values of the slice as it is."""
    beside = max(3, -(-len(preview.alone) // 2))  # the transforms stand in two rows beside the slice as it is
    sheet = _Sheet(preview, list(class_names), columns=2 + beside)
    sheet.write(0.0, -0.7, f"Augmentation of {preview.patient_id}", size=13.0, bold=True)
    sheet.write(0.0, -0.43, _subtitle(preview), colour=MUTED if preview.enabled else TWIN)
    _draw_legend(sheet, class_names)
    sheet.write(0.0, 0.0, "A training slice", bold=True)
    sheet.picture(0.0, HEADING_INCHES, preview.original, times=2 + GAP_INCHES / CELL_INCHES)
    sheet.write(2 * STEP, 0.0, "Each transform alone, at its strongest of a few draws", bold=True)
    sheet.rows(2, HEADING_INCHES, beside, preview.alone)
    top = HEADING_INCHES + 2 * sheet.row + 0.1
    sheet.write(0.0, top, "All together, as the first epochs draw this slice", bold=True)
    sheet.rows(0, top + HEADING_INCHES, sheet.columns, preview.epochs)
    return sheet.figure


class _Sheet:
    """A figure of equal cells, measured in inches from the upper left corner of what lies below its title."""

    def __init__(self, preview: AugmentationPreview, values: list[int], columns: int) -> None:
        self.columns = columns
        self._values = values
        self._greys = tuple(np.percentile(preview.original.image, (0.5, 99.8)))
        self._spacing_mm = preview.spacing_mm
        self._right, self._end = (
            count * mm for count, mm in zip(preview.original.image.shape, preview.spacing_mm, strict=True)
        )
        self.row = CELL_INCHES * self._end / self._right + CAPTION_INCHES
        num_rows = 2 + min(2, -(-len(preview.epochs) // columns))
        self._width = 2 * MARGIN_INCHES + columns * STEP - GAP_INCHES
        self._height = TOP_INCHES + num_rows * self.row + 2 * HEADING_INCHES + 0.15
        self.figure = Figure(figsize=(self._width, self._height), facecolor="white")

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A place in the figure's own coordinates."""
        return (MARGIN_INCHES + x) / self._width, 1 - (TOP_INCHES + y) / self._height

    def write(self, x: float, y: float, text: str, size: float = 9.0, bold: bool = False, colour: str = TEXT) -> None:
        """Write a text whose first line hangs below y; neighbours stand on one line whatever their letters."""
        first, *others = text.split("\n")
        weight, below = "bold" if bold else "normal", y + 0.8 * size / 72
        self.figure.text(*self.at(x, below), first, fontsize=size, fontweight=weight, color=colour)
        if others:
            self.write(x, y + 1.2 * size / 72, "\n".join(others), size, bold, colour)

    def rows(self, first_column: int, top: float, columns: int, pictures: Sequence[AugmentedSlice]) -> None:
        """Draw two rows of pictures; what does not fit is left out."""
        for place, picture in enumerate(pictures[: 2 * columns]):
            row, column = divmod(place, columns)
            self.picture((first_column + column) * STEP, top + row * self.row, picture)

    def picture(self, x: float, y: float, picture: AugmentedSlice, times: float = 1.0) -> None:
        """Draw a slice with its outlines and its caption, so many times as large as a cell."""
        width, height = times * CELL_INCHES, times * (self.row - CAPTION_INCHES)
        axes = self.figure.add_axes((*self.at(x, y + height), width / self._width, height / self._height))
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        extent = (0, self._right, self._end, 0)
        low, high = self._greys
        axes.imshow(to_page(picture.image), cmap="gray", vmin=low, vmax=high, extent=extent, aspect="auto")
        self._outline(axes, to_page(picture.labels), width=0.5 + 0.2 * times)
        axes.set(xticks=[], yticks=[], xlim=extent[:2], ylim=extent[2:])
        self.write(x, y + height + 0.06, picture.title, size=8.5, bold=True)
        self.write(x, y + height + 0.22, textwrap.fill(picture.note, NOTE_CHARACTERS), size=7.5, colour=MUTED)

    def _outline(self, axes: Axes, labels: np.ndarray, width: float) -> None:
        """Draw each label's border, midway between the centres of the pixels on its two sides."""
        for index, value in enumerate(self._values):
            mask = np.pad(labels == value, 1).astype(np.float32)
            if mask.any():
                rows, columns = (np.arange(size) - 0.5 for size in mask.shape)
                centres = columns * self._spacing_mm[0], rows * self._spacing_mm[1]
                axes.contour(*centres, mask, levels=[0.5], colors=label_colour(index), linewidths=width)


def _subtitle(preview: AugmentationPreview) -> str:
    chance = f"each transform happens with a probability of {preview.probability:g}, by itself"
    if preview.enabled:
        return f"In training {chance}."
    return f"Off: this experiment trains without any of it. With augmentation.enabled = true, {chance}."


def _draw_legend(sheet: _Sheet, class_names: Mapping[int, str]) -> None:
    handles = [
        Patch(facecolor="white", edgecolor=label_colour(index), linewidth=1.5, label=plain(name))
        for index, name in enumerate(class_names.values())
    ]
    place = sheet.at(sheet.columns * STEP - GAP_INCHES, -0.7)
    sheet.figure.legend(
        handles=handles, loc="upper right", bbox_to_anchor=place, ncols=min(4, len(handles)), borderpad=0,
        borderaxespad=0, handlelength=1.2, handleheight=1.0, columnspacing=1.6, fontsize=8.5,
    )  # fmt: skip
