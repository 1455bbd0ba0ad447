import numpy as np
import pytest
from scipy import ndimage

from trimformer.metrics.surface import diagonal, hd95, surface_dice

SPACING = (1.0, 1.5, 3.0)


def blob(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(24, 20, 10))
    return ndimage.gaussian_filter(noise, 3) > 0


def surface_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Distance of every surface voxel of a to the surface of b, written with SciPy alone."""
    edges = [mask ^ ndimage.binary_erosion(mask) for mask in (a, b)]
    return ndimage.distance_transform_edt(~edges[1], sampling=SPACING)[edges[0]]


@pytest.mark.parametrize("seed", [0, 1])
def test_surface_metrics_equal_an_independent_computation(seed: int) -> None:
    a, b = blob(seed), blob(seed + 10)
    there, back = surface_distances(a, b), surface_distances(b, a)
    assert hd95(a, b, SPACING) == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)), rel=0.02)
    near = (np.count_nonzero(there <= 2) + np.count_nonzero(back <= 2)) / (there.size + back.size)
    assert surface_dice(a, b, SPACING, 2.0) == pytest.approx(near, abs=0.02)


def test_a_cube_moved_along_the_thick_axis_is_that_spacing_away() -> None:
    a = np.zeros((12, 12, 12), dtype=bool)
    a[4:8, 4:8, 4:8] = True
    moved = np.roll(a, 1, axis=2)
    assert hd95(a, moved, SPACING) == pytest.approx(3.0)
    assert hd95(a, a, SPACING) == 0
    assert surface_dice(a, a, SPACING, 1.0) == 1


def test_the_diagonal_is_in_millimetres() -> None:
    assert diagonal((3, 4, 12), (1.0, 1.0, 1.0)) == 13
    assert diagonal((3, 2, 4), (1.0, 2.0, 3.0)) == 13
