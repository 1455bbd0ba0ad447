"""Overlap of two masks, and what an empty mask means."""

import numpy as np
from jaxtyping import Bool

from trimformer.records.evaluation import Case


def dice(prediction: Bool[np.ndarray, "..."], truth: Bool[np.ndarray, "..."]) -> float:
    """Dice coefficient 2 |P and T| / (|P| + |T|) of two masks, at least one of which is not empty.

    Example:
        >>> dice(np.array([True, True, False]), np.array([True, False, False]))
        0.6666666666666666
    """
    return float(2 * np.count_nonzero(prediction & truth) / (np.count_nonzero(prediction) + np.count_nonzero(truth)))


def empty_mask_case(prediction: Bool[np.ndarray, "..."], truth: Bool[np.ndarray, "..."]) -> Case:
    """Which of the two masks is empty: both present, absent (both empty), missed, or a false alarm."""
    if truth.any():
        return "both" if prediction.any() else "missed"
    return "false_alarm" if prediction.any() else "absent"
