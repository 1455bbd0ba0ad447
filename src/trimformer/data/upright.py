"""Slices as a viewer shows them, whatever the orientation of their file."""

import numpy as np

from trimformer.data.preparation.native_grid import NativeGrid


def upright(plane: np.ndarray, grid: NativeGrid) -> np.ndarray:
    """A plane (rows, columns) of slices on this grid, both its axes turned to grow towards right, anterior or up."""
    _, flips, swap = way_to_ras(grid)
    flipped = plane[:: flips[0], :: flips[1]]
    return np.ascontiguousarray(flipped.T if swap else flipped)


def way_to_ras(grid: NativeGrid) -> tuple[tuple[str, str], tuple[int, int], bool]:
    """Where rows and columns lead, how to flip them so that it is R, A or S, and whether to swap them then."""
    from nibabel.orientations import io_orientation

    stored = io_orientation(grid.affine)
    origin = np.argsort([target for target, _ in grid.turn])
    directions = [(int(stored[axis][0]), int(stored[axis][1] * grid.turn[axis][1])) for axis in origin]
    row, column = (direction for axis, direction in enumerate(directions) if axis != grid.slice_axis)
    return ("RAS"[row[0]], "RAS"[column[0]]), (row[1], column[1]), row[0] > column[0]
