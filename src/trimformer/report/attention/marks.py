"""What is drawn over a slice: the patch whose attention is shown, and a scale bar, the sides of the patient."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from trimformer.records.attention_example import AttentionExample
from trimformer.records.slice_pixels import to_page
from trimformer.report.attention.paper import SMALL_POINTS
from trimformer.report.attention.pictures import page_place

LIGHT, DARK = "#ffffff", "#000000"
BAR_LENGTHS_MM = (500, 200, 100, 50, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1)
INSET = 0.04


def mark_query(patch: int, grid_size: tuple[int, int]) -> Callable[[Axes], None]:
    """How to frame a patch in axes that go from 0 to 1."""
    row, column = page_place(patch, grid_size)
    columns, rows = grid_size

    def draw(axes: Axes) -> None:
        frame = Rectangle((column / columns, 1 - (row + 1) / rows), 1 / columns, 1 / rows, fill=False, zorder=3)
        frame.set(edgecolor=LIGHT, linewidth=1.0, path_effects=[withStroke(linewidth=2.2, foreground=DARK)])
        axes.add_patch(frame)

    return draw


def scale_bar(example: AttentionExample) -> Callable[[Axes], None]:
    """How to draw a bar of a round length in mm, up to a quarter of the slice; nothing where no spacing is known."""

    def draw(axes: Axes) -> None:
        if example.spacing_mm is None:
            return
        across = example.spacing_mm[0] * example.image.shape[0]
        length = next((mm for mm in BAR_LENGTHS_MM if mm <= across / 4), BAR_LENGTHS_MM[-1])
        outline = [withStroke(linewidth=2.6, foreground=DARK)]
        right = 1 - INSET
        axes.plot([right - length / across, right], [INSET] * 2, color=LIGHT, linewidth=1.4, path_effects=outline)
        axes.text(
            right, INSET + 0.02, f"{length:g} mm", color=LIGHT, fontsize=SMALL_POINTS - 0.8,
            ha="right", va="bottom", path_effects=[withStroke(linewidth=1.4, foreground=DARK)],
        )  # fmt: skip

    return draw


def sides(example: AttentionExample) -> Callable[[Axes], None]:
    """How to name the sides of the patient that lie left and at the top; nothing where nobody told them."""

    def draw(axes: Axes) -> None:
        places = ((0.02, 0.5, "left", "center"), (0.5, 0.98, "center", "top"))
        for letter, (x, y, beside, above) in zip(example.towards or (), places, strict=False):
            text = axes.text(x, y, letter, color=LIGHT, fontsize=SMALL_POINTS - 0.8, ha=beside, va=above)
            text.set_path_effects([withStroke(linewidth=1.4, foreground=DARK)])

    return draw


def all_of(*marks: Callable[[Axes], None]) -> Callable[[Axes], None]:
    """Several marks over one another."""

    def draw(axes: Axes) -> None:
        for mark in marks:
            mark(axes)

    return draw


def orientation(example: AttentionExample) -> Callable[[Axes], None]:
    """How to draw the scale bar and the sides of the patient."""
    return all_of(scale_bar(example), sides(example))


def outline(mask: np.ndarray) -> Callable[[Axes], None]:
    """How to draw the border of a mask (x, y) over its slice."""
    shown = to_page(mask).astype(float)

    def draw(axes: Axes) -> None:
        down, across = ((np.arange(size + 2) - 0.5) / size for size in shown.shape)
        axes.contour(across, 1 - down, np.pad(shown, 1), levels=[0.5], colors=[DARK], linewidths=1.2)
        axes.contour(across, 1 - down, np.pad(shown, 1), levels=[0.5], colors=[LIGHT], linewidths=0.5)

    return draw
