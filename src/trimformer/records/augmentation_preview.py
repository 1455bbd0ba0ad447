"""One training slice and what an augmentation makes of it, as the preview shows it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class AugmentedSlice:
    """One version of the slice: `image` (x, y) float32, `labels` (x, y) uint8, a title, and what was done to it."""

    title: str
    note: str
    image: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True, eq=False)
class AugmentationPreview:
    """The slice as it is, under each transform `alone`, and in the first `epochs` of a training.

    `spacing_mm` is along x and y. `enabled` says whether the experiment's training uses its augmentation, `probability`
    how often each transform happens there.
    """

    patient_id: str
    spacing_mm: tuple[float, float]
    probability: float
    enabled: bool
    original: AugmentedSlice
    alone: tuple[AugmentedSlice, ...]
    epochs: tuple[AugmentedSlice, ...]
