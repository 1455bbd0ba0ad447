import warnings

import numpy as np
import pytest
import torch
from monai.metrics.hausdorff_distance import compute_hausdorff_distance
from monai.metrics.surface_dice import compute_surface_dice
from scipy import ndimage
from scipy.spatial.distance import cdist

from trimformer.metrics.surface import diagonal, hd95, surface_dice, surface_distances

SPACING = (1.0, 1.5, 3.0)


def blob(seed: int) -> np.ndarray:
    """A smooth random shape that reaches the volume's edge."""
    noise = np.random.default_rng(seed).normal(size=(24, 20, 10))
    return ndimage.gaussian_filter(noise, 3) > 0


def voxel(*at: int) -> np.ndarray:
    mask = np.zeros((4, 4, 4), dtype=bool)
    mask[at] = True
    return mask


PAIRS = [(blob(0), blob(10)), (blob(1), blob(11)), (voxel(0, 0, 0), blob(2)[:4, :4, :4] | voxel(3, 3, 3))]


def by_brute_force(own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Every distance between two surface voxels, which are found by SciPy's erosion; the smallest counts."""
    ours, others = (np.argwhere(mask & ~ndimage.binary_erosion(mask)) * SPACING for mask in (own, other))
    return np.asarray(cdist(ours, others).min(axis=1))


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_distances_are_those_of_all_pairs_of_surface_voxels(a: np.ndarray, b: np.ndarray) -> None:
    there, back = surface_distances(a, b, SPACING)
    np.testing.assert_allclose(there, by_brute_force(a, b), atol=1e-9)
    np.testing.assert_allclose(back, by_brute_force(b, a), atol=1e-9)


@pytest.mark.parametrize(("a", "b"), PAIRS)
@pytest.mark.parametrize("tolerance", [1.0, 2.0])
def test_both_scores_equal_monais(a: np.ndarray, b: np.ndarray, tolerance: float) -> None:
    pair = [torch.from_numpy(np.stack([~mask, mask])[None]) for mask in (a, b)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # MONAI calls itself in a way that it calls deprecated
        hausdorff = compute_hausdorff_distance(*pair, percentile=95, spacing=SPACING)
        share = compute_surface_dice(*pair, class_thresholds=[tolerance], spacing=SPACING)
    distances = surface_distances(a, b, SPACING)
    assert hd95(distances) == pytest.approx(float(hausdorff), rel=1e-5)
    assert surface_dice(distances, tolerance) == pytest.approx(float(share), rel=1e-5)


def test_a_cube_moved_along_the_thick_axis_is_that_spacing_away() -> None:
    a = np.zeros((12, 12, 12), dtype=bool)
    a[4:8, 4:8, 4:8] = True
    moved = surface_distances(a, np.roll(a, 1, axis=2), SPACING)
    assert hd95(moved) == pytest.approx(3.0)
    same = surface_distances(a, a, SPACING)
    assert hd95(same) == 0
    assert surface_dice(same, 1.0) == 1


def test_a_distance_that_equals_the_tolerance_is_within_it_in_spite_of_rounding() -> None:
    one, other = (np.zeros((40, 1, 1), dtype=bool) for _ in range(2))
    one[29], other[22] = True, True
    distances = surface_distances(one, other, (0.1, 1.0, 1.0))
    assert distances.prediction_to_truth[0] != 0.7  # 29 * 0.1 - 22 * 0.1 is not 7 * 0.1
    assert surface_dice(distances, 0.7) == 1


def test_the_diagonal_is_in_millimetres() -> None:
    assert diagonal((3, 4, 12), (1.0, 1.0, 1.0)) == 13
    assert diagonal((3, 2, 4), (1.0, 2.0, 3.0)) == 13
