"""Distances between the surfaces of two masks, in millimetres, through MONAI."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Bool
from monai.metrics.hausdorff_distance import compute_hausdorff_distance
from monai.metrics.surface_dice import compute_surface_dice

Mask = Bool[np.ndarray, "x y z"]
Spacing = tuple[float, float, float]


def hd95(prediction: Mask, truth: Mask, spacing_mm: Spacing) -> float:
    """The larger of the two directed 95th percentiles of surface distances, in mm; neither mask is empty."""
    with _without_monais_own_deprecation():
        return float(compute_hausdorff_distance(*_pair(prediction, truth), percentile=95, spacing=spacing_mm))


def surface_dice(prediction: Mask, truth: Mask, spacing_mm: Spacing, tolerance_mm: float) -> float:
    """Share of both surfaces that lies within the tolerance of the other (Nikolov et al. 2018); neither is empty."""
    pair = _pair(prediction, truth)
    with _without_monais_own_deprecation():
        return float(compute_surface_dice(*pair, class_thresholds=[tolerance_mm], spacing=spacing_mm))


def diagonal(shape: tuple[int, ...], spacing_mm: Spacing) -> float:
    """The longest way through a volume, in mm: the HD95 of a structure that was missed."""
    return float(np.linalg.norm(np.multiply(shape, spacing_mm)))


@contextmanager
def _without_monais_own_deprecation() -> Iterator[None]:
    """MONAI 1.6 calls itself with an argument that it calls deprecated; its user cannot help it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*always_return_as_numpy.*", category=FutureWarning)
        yield


def _pair(prediction: Mask, truth: Mask) -> tuple[torch.Tensor, torch.Tensor]:
    """Both masks as MONAI wants them, cropped to what they cover with a margin of one voxel."""
    where = np.argwhere(prediction | truth)
    low, high = np.maximum(where.min(axis=0) - 1, 0), where.max(axis=0) + 2
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    return _one_hot(prediction[box]), _one_hot(truth[box])


def _one_hot(mask: Mask) -> torch.Tensor:
    return torch.from_numpy(np.stack([~mask, mask])[None])
