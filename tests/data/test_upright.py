"""Volumes whose voxels are their own coordinates in the room."""

from itertools import permutations, product

import numpy as np
import pytest

from trimformer.data.preparation.native_grid import NativeGrid
from trimformer.data.preprocessing import Preprocessing
from trimformer.data.upright import upright, way_to_ras

SHAPE = (3, 4, 5)


def affine_of(axes: tuple[int, ...], signs: tuple[int, ...]) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, list(axes)] * signs
    return affine


def coordinates(affine: np.ndarray) -> np.ndarray:
    """(3, x, y, z) millimetres towards right, anterior and up."""
    indices = np.indices(SHAPE).reshape(3, -1)
    return (affine[:3, :3] @ indices).reshape(3, *SHAPE)


@pytest.mark.parametrize("axes", list(permutations(range(3))))
@pytest.mark.parametrize("signs", list(product((1, -1), repeat=3)))
def test_both_axes_grow_towards_right_anterior_or_up(axes: tuple[int, ...], signs: tuple[int, ...]) -> None:
    affine = affine_of(axes, signs)
    for slice_axis, orientation in product(range(3), (None, "LAS")):
        grid = NativeGrid.of(SHAPE, affine, Preprocessing(16, slice_axis=slice_axis, orientation=orientation))
        (row, column), _, swap = way_to_ras(grid)
        first, second = (column, row) if swap else (row, column)
        assert "RAS".index(first) < "RAS".index(second)
        directions = zip("RAS", coordinates(affine), strict=True)
        planes = {name: upright(grid.slices_of(values)[0], grid) for name, values in directions}
        assert (np.diff(planes[first], axis=0) == 1).all()
        assert (np.diff(planes[second], axis=1) == 1).all()
