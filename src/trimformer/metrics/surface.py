"""Distances between the surfaces of two masks, in millimetres, and the two scores that are read off them."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import KDTree

Mask = Bool[np.ndarray, "x y z"]
Spacing = tuple[float, float, float]

ROUNDING_MM = 1e-6
"""A distance that equals the tolerance counts as within it, whatever the last digits of a voxel size."""


class SurfaceDistances(NamedTuple):
    """How far every surface voxel of one mask is from the nearest surface voxel of the other, in mm, both ways."""

    prediction_to_truth: Float[np.ndarray, " prediction_voxels"]
    truth_to_prediction: Float[np.ndarray, " truth_voxels"]


def surface_distances(prediction: Mask, truth: Mask, spacing_mm: Spacing) -> SurfaceDistances:
    """Distances between the surfaces of two masks, neither of which is empty.

    A voxel of the mask is on its surface where one of its six face neighbours is outside, and outside begins at the
    volume's edge: the masks of MONAI (`get_mask_edges`) and MedPy. Distances go from voxel centre to voxel centre.
    Nearest neighbours come from a k-d tree of the surface alone, so that time and memory grow with the surface and not
    with the volume, as they would with a distance transform.
    """
    own, other = (_surface_points(mask, spacing_mm) for mask in (prediction, truth))
    return SurfaceDistances(_to_nearest(own, other), _to_nearest(other, own))


def _to_nearest(own: Float[np.ndarray, "voxels 3"], other: Float[np.ndarray, "others 3"]) -> np.ndarray:
    return np.asarray(KDTree(other).query(own)[0])


def hd95(distances: SurfaceDistances) -> float:
    """Hausdorff distance at the 95th percentile, in mm: the larger of the two directed percentiles.

    That is MONAI's `compute_hausdorff_distance(percentile=95)` and the rule of Metrics Reloaded (Maier-Hein et al.
    2024). MedPy takes one percentile over both directions pooled, which is smaller wherever one
    direction is the worse. Both interpolate linearly.
    """
    return float(max(np.percentile(one_way, 95) for one_way in distances))


def surface_dice(distances: SurfaceDistances, tolerance_mm: float) -> float:
    """Share of the voxels of both surfaces that lie within the tolerance of the other (Nikolov et al. 2021).

    As in MONAI's `compute_surface_dice` every surface voxel counts alike; DeepMind's program weighs each by the area
    that it stands for.
    """
    near = sum(np.count_nonzero(one_way <= tolerance_mm + ROUNDING_MM) for one_way in distances)
    return float(near / sum(one_way.size for one_way in distances))


def diagonal(shape: tuple[int, ...], spacing_mm: Spacing) -> float:
    """The longest way through a volume, in mm: the HD95 of a structure that was missed."""
    return float(np.linalg.norm(np.multiply(shape, spacing_mm)))


def _surface_points(mask: Mask, spacing_mm: Spacing) -> Float[np.ndarray, "voxels 3"]:
    """Where the surface voxels are, in mm along the array axes."""
    inside = mask.copy()
    for axis in range(mask.ndim):
        own, there = np.moveaxis(inside, axis, 0), np.moveaxis(mask, axis, 0)
        own[1:] &= there[:-1]
        own[:-1] &= there[1:]
        own[0] = own[-1] = False
    return np.argwhere(mask & ~inside) * np.asarray(spacing_mm)
