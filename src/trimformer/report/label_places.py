"""Places for the names of points: beside their points, on nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, hypot, radians, sin

import numpy as np
from matplotlib.axes import Axes

DISTANCES = (6.0, 11.0, 18.0, 27.0, 38.0, 50.0)
"""From a point to its name, in points of type, the nearest first."""

DIRECTIONS = (25, 155, -25, -155, 90, -90, 0, 180, 55, 125, -55, -125)
"""Where a name may lie as seen from its point, in degrees, in order of preference."""

STRAIGHT = 0.2
"""A direction with so small a cosine or sine is straight up or straight aside: the name is centred on it."""

FAR = 20.0
"""At this distance from its point a name is no longer read with it at a glance."""

LED = 12.0
"""From this distance on a line leads from the point to its name."""

STEPS = 12
"""Boxes that stand for such a line."""

Boxes = np.ndarray
"""Left, bottom, right and top in pixels, shape (..., 4)."""


@dataclass(frozen=True)
class Place:
    """Where a name lies, from its point, in points of type; how it is aligned there; and how much of it is covered."""

    offset: tuple[float, float]
    align: tuple[str, str]
    covered: float = 0.0

    @property
    def is_good(self) -> bool:
        """Whether the name covers nothing and is near its point."""
        return self.covered == 0 and hypot(*self.offset) < FAR


def find_places(
    axes: Axes, names: Sequence[str], points: Sequence[tuple[float, float]], taken: Boxes, size: str
) -> list[Place]:
    """A place within the axes for every name, in their order: the nearest that covers nothing, or the least.

    Args:
        axes: With everything drawn but the names.
        names: What is written.
        points: What they name, in data coordinates.
        taken: What names keep away from, shape (boxes, 4).
        size: Of the type, as matplotlib knows it.
    """
    places = []
    for name, point in zip(names, points, strict=True):
        at = axes.transData.transform(point)
        boxes = _boxes(axes, at, _extent(axes, name, size))
        covered = _covered(boxes, taken) + _outside(boxes, np.array(axes.get_window_extent().extents))
        best = int(covered.argmin())
        offset, align = CANDIDATES[best]
        places.append(Place(offset, align, float(covered[best])))
        taken = np.concatenate([taken, boxes[best][None], _line(at, boxes[best])])
    return places


def write_name(axes: Axes, name: str, point: tuple[float, float], place: Place, size: str, colour: str) -> None:
    """Write a name at its place, with a line to its point where that is far."""
    line = {"arrowstyle": "-", "color": colour, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 4}
    axes.annotate(
        name,
        point,
        place.offset,
        textcoords="offset points",
        ha=place.align[0],
        va=place.align[1],
        fontsize=size,
        color=colour,
        arrowprops=line if hypot(*place.offset) > LED else None,
        in_layout=False,
    )


def _candidate(distance: float, degrees: int) -> tuple[tuple[float, float], tuple[str, str]]:
    along, up = cos(radians(degrees)), sin(radians(degrees))
    aside = "center" if abs(along) < STRAIGHT else "left" if along > 0 else "right"
    height = "center" if abs(up) < STRAIGHT else "bottom" if up > 0 else "top"
    return (distance * along, distance * up), (aside, height)


CANDIDATES = [_candidate(distance, degrees) for distance in DISTANCES for degrees in DIRECTIONS]

BEFORE = {"left": 0.0, "bottom": 0.0, "center": 0.5, "right": 1.0, "top": 1.0}
"""The share of a name that lies left of, or below, where it is aligned."""


def _extent(axes: Axes, name: str, size: str) -> np.ndarray:
    """Width and height in pixels of a name as it will be written."""
    text = axes.text(0.5, 0.5, name, fontsize=size, transform=axes.transAxes)
    box = text.get_window_extent()
    text.remove()
    return np.array([box.width, box.height])


def _boxes(axes: Axes, at: np.ndarray, extent: np.ndarray) -> Boxes:
    """What a name would take at each candidate."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    offsets = np.array([offset for offset, _ in CANDIDATES]) * figure.dpi / 72
    before = np.array([[BEFORE[side] for side in align] for _, align in CANDIDATES])
    lows = at + offsets - before * extent
    return np.concatenate([lows, lows + extent], axis=1)


def _shared(boxes: Boxes, others: Boxes) -> np.ndarray:
    """Square pixels that boxes have in common; shapes broadcast."""
    sides = np.minimum(boxes[..., 2:], others[..., 2:]) - np.maximum(boxes[..., :2], others[..., :2])
    area: np.ndarray = sides.clip(0).prod(axis=-1)
    return area


def _covered(boxes: Boxes, taken: Boxes) -> np.ndarray:
    total: np.ndarray = _shared(boxes[:, None], taken[None]).sum(axis=1)
    return total


def _outside(boxes: Boxes, frame: Boxes) -> np.ndarray:
    return _shared(boxes, boxes) - _shared(boxes, frame)


def _line(at: np.ndarray, box: Boxes) -> Boxes:
    """What the line to a name takes, from its point to the nearest part of its box."""
    end = at.clip(box[:2], box[2:])
    centres = at + np.linspace(0, 1, STEPS)[:, None] * (end - at)
    return np.concatenate([centres - 1, centres + 1], axis=1)
