"""The picture of docs/phantom.md: one slice for each number of hops, with the way from a question to its class.

Run `python examples/depth_phantom.py docs/images/phantom.png`: it downloads nothing.
"""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from trimformer.data.phantom.board import MOST_HOPS, NUM_CLASSES, Board, draw_board
from trimformer.data.phantom.paint import PATCH, paint_image, paint_labels
from trimformer.records.slice_pixels import label_colour

CLASS_COLOURS = ListedColormap([label_colour(index) for index in range(NUM_CLASSES)])
WAY = "#d7263d"


def chain(board: Board, place: tuple[int, int], random: np.random.Generator) -> list[tuple[int, int]]:
    """The patches on the way from a marker to the class that it leads to."""
    if board.says[place] <= NUM_CLASSES:
        return [place]
    row, column = random.choice(np.argwhere(board.names == board.says[place]))  # signposts of one name agree
    return [place, *chain(board, (int(row), int(column)), random)]


def draw_slice(axes: Axes, hops: int, random: np.random.Generator) -> None:
    """One slice, its classes as colours over the markers, and the way of one question as arrows."""
    board = draw_board(random, hops)
    labels = paint_labels(board)
    axes.imshow(paint_image(board, random), cmap="gray")
    shown = np.ma.masked_equal(labels, 0)
    axes.imshow(shown, cmap=CLASS_COLOURS, alpha=0.35, vmin=1, vmax=NUM_CLASSES)
    row, column = random.choice(np.argwhere(board.questions & (board.hops == hops)))
    way = [((c + 0.5) * PATCH, (r + 0.5) * PATCH) for r, c in chain(board, (int(row), int(column)), random)]
    axes.plot(*way[0], "o", color=WAY, markersize=6)
    for start, end in pairwise(way):
        axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": WAY, "linewidth": 1.6})
    axes.set_title(f"{hops} hops" if hops != 1 else "1 hop", fontsize=10)
    axes.set_axis_off()


def draw(path: Path) -> None:
    """Write the picture."""
    random = np.random.default_rng(0)
    figure = Figure(figsize=(13, 3.5), layout="constrained")
    for hops, axes in enumerate(figure.subplots(1, MOST_HOPS + 1)):
        draw_slice(axes, hops, random)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
