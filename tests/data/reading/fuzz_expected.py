"""What must become of a damaged case, from what independent readers see in its bytes."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from trimformer.data.rules import (
    DESCRIPTION,
    FINITE,
    HAS_SPACING,
    KNOWN_LABELS,
    NOT_CONSTANT,
    NOT_EMPTY,
    READABLE,
    SAME_SHAPE,
    SAME_SPACING,
    THREE_AXES,
    WHOLE_LABELS,
    Rule,
)

GEOMETRY = (READABLE, NOT_EMPTY, THREE_AXES, HAS_SPACING, SAME_SHAPE, SAME_SPACING)
"""What a damaged header may be refused under where several are as true."""

LABELS = range(3)
"""The label values of the made cases, each learned as it stands; Synapse has more."""


class RefusedError(Exception):
    """Bytes that must be refused, under one of `rules`."""

    def __init__(self, *rules: Rule) -> None:
        super().__init__([rule.sentence for rule in rules])
        self.rules = rules


class UnclearError(Exception):
    """Bytes that are not understood here: they must be refused, or what was damaged in them had no meaning."""


@dataclass(frozen=True, eq=False)
class Seen:
    """One file: voxels (x, y, z, ...) scaled as the file says, voxel sizes, and the affine where the format has one.

    `or_refused` are rules under which the file may be refused as well.
    """

    voxels: np.ndarray
    spacing: np.ndarray
    affine: np.ndarray | None = None
    or_refused: tuple[Rule, ...] = ()


@dataclass(frozen=True, eq=False)
class Expected:
    """Refused under one of `rules`, or read as `image` and `labels` where these are given; nothing else.

    `or_images` are other images that may be read as well, where a damage makes them what the file says.
    """

    rules: frozenset[Rule] = field(default_factory=frozenset)
    image: np.ndarray | None = None
    labels: np.ndarray | None = None
    spacing: np.ndarray | None = None
    affine: np.ndarray | None = None
    or_images: tuple[np.ndarray, ...] = ()


def expected_of(image: Callable[[], Seen], labels: Callable[[], Seen], values: range = LABELS) -> Expected:
    """The verdict on a case whose two halves these functions read."""
    allowed: tuple[Rule, ...] = ()
    try:
        seen = image()
        allowed += seen.or_refused
        drawn = labels()
        allowed += drawn.or_refused
        _check_colours(seen, DESCRIPTION)
        _check_colours(drawn, WHOLE_LABELS)
        _check_image(seen)
        close = _check_grid(drawn, seen)
        learned = _learned(drawn.voxels, values)
    except RefusedError as refused:
        return Expected(frozenset(refused.rules + allowed))
    return Expected(frozenset(allowed + close), seen.voxels.astype(np.float32), learned, seen.spacing, seen.affine)


def three_axes(voxels: np.ndarray) -> np.ndarray:
    """Axes of one voxel are added or dropped behind the others until there are three."""
    shape = list(voxels.shape)
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    return voxels.reshape(shape + [1] * (3 - len(shape)), order="F")


def _check_colours(seen: Seen, rule: Rule) -> None:
    """A fourth axis behind a single slice is one of colours."""
    if seen.voxels.ndim == 4 and seen.voxels.shape[2] == 1:
        raise RefusedError(rule)


def _check_image(seen: Seen) -> None:
    _check_axes(seen)
    with np.errstate(all="ignore"):
        voxels = seen.voxels.astype(np.float32)
    if not np.isfinite(voxels).all():
        raise RefusedError(FINITE)
    if voxels.min() == voxels.max():
        raise RefusedError(NOT_CONSTANT)


def _check_axes(seen: Seen) -> None:
    if seen.voxels.ndim != 3:
        raise RefusedError(THREE_AXES)
    usable = np.isfinite(seen.spacing).all() and (seen.spacing > 0).all()
    if not usable or not (seen.affine is None or _spans_space(seen.affine)):
        raise RefusedError(HAS_SPACING)


def _spans_space(affine: np.ndarray) -> bool:
    """Whether three axes are three directions: the box between them is not flat."""
    first, second, third = affine[:3, :3].T
    longest = np.prod([np.sqrt(axis @ axis) for axis in (first, second, third)])
    return bool(np.isfinite(affine).all() and abs(np.cross(first, second) @ third) > 1e-3 * longest)


def _check_grid(drawn: Seen, image: Seen) -> tuple[Rule, ...]:
    """Refuse labels on another grid; what they may be refused under besides, so near to the tolerance of 0.1 %."""
    _check_axes(drawn)
    if drawn.voxels.shape != image.voxels.shape:
        raise RefusedError(SAME_SHAPE)
    apart = float(np.abs(drawn.spacing / image.spacing - 1).max())
    if apart > 1.01e-3:
        raise RefusedError(SAME_SPACING)
    return (SAME_SPACING,) if apart > 0.99e-3 else ()


def _learned(voxels: np.ndarray, known: range) -> np.ndarray:
    values = set(voxels.ravel().tolist())
    if any(not np.isfinite(value) or int(value) != value for value in values):
        raise RefusedError(WHOLE_LABELS)
    if not values <= set(known):
        raise RefusedError(KNOWN_LABELS)
    return voxels.astype(np.uint8)
