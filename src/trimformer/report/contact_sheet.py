"""A contact sheet: one slice of every case with its labels drawn in, to see at a glance what no rule can say."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.textpath import TextPath

from trimformer.records.case_picture import CasePicture
from trimformer.records.errors import UserError
from trimformer.records.files import write_whole
from trimformer.records.slice_pixels import label_colour, overlay_pixels, scan_pixels, to_page
from trimformer.report.formats import plain
from trimformer.report.themes import MUTED, STYLE

COLUMNS = 6
CELL_INCHES, GAP_INCHES, CAPTION_INCHES = 1.85, 0.14, 0.42
MARGIN_INCHES, TITLE_INCHES, LEGEND_INCHES = 0.3, 0.78, 0.24
LEGEND_PATCH_INCHES, LEGEND_POINTS = 0.5, 8.5
DOTS_PER_INCH = 150

TINT = 0.28
"""How much of a label's colour lies over the scan inside its outline."""

LETTER = "#e6ebf1"


def draw_contact_sheet(
    pictures: Sequence[CasePicture], class_names: Mapping[int, str], title: str, subtitle: str, path: Path
) -> None:
    """Write the sheet as PNG.

    Args:
        pictures: What to show, in this order.
        class_names: The labels that are outlined, value -> name.
        title: What is shown: the dataset and its layout, say.
        subtitle: How much of it, in smaller letters.
        path: A .png file.

    Raises:
        UserError: The file is no .png, or cannot be written.
    """
    check_png(path)
    with matplotlib.rc_context({**STYLE, "font.size": 8}):
        figure = contact_sheet(pictures, class_names, title, subtitle)
        write_whole(path, lambda temporary: figure.savefig(temporary, format="png", dpi=DOTS_PER_INCH))


def check_png(path: Path) -> None:
    """Refuse a preview in another format.

    Raises:
        UserError: The suffix is not .png.
    """
    if path.suffix.lower() != ".png":
        raise UserError("A preview is a .png file", path, "Change the file's name.")


def contact_sheet(pictures: Sequence[CasePicture], class_names: Mapping[int, str], title: str, subtitle: str) -> Figure:
    """The sheet as a figure: a title, the names of the colours, and the cases row by row."""
    columns = min(COLUMNS, max(4, len(pictures)))
    rows = -(-len(pictures) // columns)
    step = CELL_INCHES + GAP_INCHES
    legend = _legend_rows(class_names, columns * step - GAP_INCHES)
    top = TITLE_INCHES + LEGEND_INCHES * len(legend)
    width = 2 * MARGIN_INCHES + columns * step - GAP_INCHES
    height = top + rows * (step + CAPTION_INCHES) + MARGIN_INCHES / 2
    figure = Figure(figsize=(width, height), facecolor="white")
    left = MARGIN_INCHES / width
    figure.text(left, 1 - 0.26 / height, title, fontsize=13, fontweight="bold", va="center")
    figure.text(left, 1 - 0.53 / height, subtitle, color=MUTED, va="center")
    for place, picture in enumerate(pictures):
        x = MARGIN_INCHES + place % columns * step
        y = height - top - place // columns * (step + CAPTION_INCHES) - CELL_INCHES
        axes = figure.add_axes((x / width, y / height, CELL_INCHES / width, CELL_INCHES / height))
        _draw_case(axes, picture, list(class_names))
    _draw_legend(figure, legend, left, 1 - 0.7 / height)
    return figure


def of_cases(pictures: Sequence[CasePicture], num_cases: int) -> str:
    """The subtitle of a sheet with one slice a case: how many of all cases these are, and which slices."""
    shown = "all" if len(pictures) == num_cases else f"{len(pictures)} of"
    words = f"{shown} {num_cases} case{'' if num_cases == 1 else 's'}"
    labelled = any(picture.labels is not None for picture in pictures)
    which = "the slice of each with most labelled voxels" if labelled else "the middle slice of each"
    return f"{words}  ·  {which}  ·  letters name the sides of the patient"


def _draw_case(axes: Axes, picture: CasePicture, values: Sequence[int]) -> None:
    pixels = scan_pixels(picture.image)
    if picture.labels is not None:
        pixels = overlay_pixels(picture.image, picture.labels, values, opacity=TINT)
    right, bottom = (count * mm for count, mm in zip(picture.image.shape, picture.spacing_mm, strict=True))
    side = max(right, bottom)
    axes.set_facecolor("black")
    axes.imshow(pixels, extent=(0, right, bottom, 0), interpolation="antialiased")
    if picture.labels is not None:
        _outline(axes, to_page(picture.labels), values, picture.spacing_mm)
    axes.set(xlim=((right - side) / 2, (right + side) / 2), ylim=((bottom + side) / 2, (bottom - side) / 2))
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    _write_sides(axes, picture)
    axes.text(0, -0.045, picture.patient_id, transform=axes.transAxes, va="top", fontsize=8, fontweight="bold")
    note = f"{picture.split}, slice {picture.slice_index + 1} of {picture.num_slices}"
    axes.text(0, -0.13, note, transform=axes.transAxes, va="top", fontsize=7, color=MUTED)


def _outline(axes: Axes, labels: np.ndarray, values: Sequence[int], spacing_mm: tuple[float, float]) -> None:
    """Draw each label's border, midway between the centres of the pixels on its two sides."""
    for index, value in enumerate(values):
        mask = np.pad(labels == value, 1).astype(np.float32)
        if mask.any():
            rows, columns = (np.arange(size) - 0.5 for size in mask.shape)
            centres = columns * spacing_mm[0], rows * spacing_mm[1]
            axes.contour(*centres, mask, levels=[0.5], colors=label_colour(index), linewidths=0.9)


def _write_sides(axes: Axes, picture: CasePicture) -> None:
    """Name what lies on the left and at the top; a file of one slice does not say where it lies in a patient."""
    if picture.num_slices == 1:
        return
    left, top = picture.towards
    where = ((0.03, 0.5, left, "left", "center"), (0.5, 0.97, top, "center", "top"))
    for x, y, letter, beside, above in where:
        text = axes.text(x, y, letter, transform=axes.transAxes, ha=beside, va=above, fontsize=6.5, color=LETTER)
        text.set_path_effects([withStroke(linewidth=1.6, foreground="black")])


def _legend_rows(class_names: Mapping[int, str], width: float) -> list[list[Patch]]:
    """A patch for each label, as many in a row as fit into `width` inches."""
    rows: list[list[Patch]] = [[]]
    used = 0.0
    for index, (value, name) in enumerate(class_names.items()):
        text = f"{value} {plain(name)}"
        inches = LEGEND_PATCH_INCHES + TextPath((0, 0), text, size=LEGEND_POINTS).get_extents().width / 72
        if rows[-1] and used + inches > width:
            rows.append([])
            used = 0.0
        used += inches
        rows[-1].append(Patch(facecolor=f"{label_colour(index)}80", edgecolor=label_colour(index), label=text))
    return rows


def _draw_legend(figure: Figure, rows: Sequence[list[Patch]], left: float, top: float) -> None:
    """One legend a row, since a single one would run down its columns first."""
    step = LEGEND_INCHES / figure.get_figheight()
    for place, handles in enumerate(rows):
        figure.legend(
            handles=handles, loc="upper left", bbox_to_anchor=(left, top - place * step), ncols=max(1, len(handles)),
            borderpad=0, borderaxespad=0, handlelength=1.2, handleheight=1.0, columnspacing=2.2, fontsize=LEGEND_POINTS,
        )  # fmt: skip
