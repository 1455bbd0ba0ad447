"""Whether a training had settled: by how much its selection Dice still changes at the end."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

UNDERTRAINED_CHANGE = 0.005
"""A run whose selection Dice still changes by so much over its last third has not finished learning."""

FEWEST_EPOCHS = 3
"""Of the last third: over fewer, a change of the Dice cannot be told from its noise."""


def epochs_in_words(selection_dice: np.ndarray) -> str:
    """How many epochs there were, and that a Dice is missing if one is: what a change cannot be told from."""
    missing = "" if np.isfinite(selection_dice).all() else ", not all of which have a Dice"
    return f"{selection_dice.size} epoch{'' if selection_dice.size == 1 else 's'}{missing}"


@dataclass(frozen=True)
class LateChange:
    """By how much the Dice on the selection patients still changes over the last third of the epochs."""

    mean: float
    ci95: tuple[float, float]
    """Of the fitted line, its epochs taken as independent: with few patients a change may be noise."""

    @property
    def has_settled(self) -> bool:
        """Whether the run has finished learning."""
        return abs(self.mean) < UNDERTRAINED_CHANGE

    @property
    def is_shown(self) -> bool:
        """Whether the interval leaves 0 out."""
        low, high = self.ci95
        return low > 0 or high < 0

    def in_words(self) -> str:
        """The change with its interval.

        Example:
            >>> LateChange(0.008, (-0.004, 0.02)).in_words()
            '+0.008 (95 % −0.004 to +0.020)'
        """
        low, high = self.ci95
        return f"{self.mean:+.3f} (95 % {low:+.3f} to {high:+.3f})".replace("-", "−")


def change_over_last_third(selection_dice: np.ndarray) -> LateChange | None:
    """By how much the Dice on the selection patients, shape (epochs,), still changes over the last third of the epochs.

    The slope of a line, fitted to the Dice from the epoch before that third to the last one, times its epochs: a third
    of all, rounded up. None where these are fewer than three, or a Dice is missing among them.

    Example:
        >>> change = change_over_last_third(np.array([0.1, 0.5, 0.7, 0.8, 0.82, 0.84, 0.85, 0.86, 0.87]))
        >>> round(change.mean, 3)
        0.03
    """
    third = -(-selection_dice.size // 3)
    last = selection_dice[-third - 1 :]
    if third < FEWEST_EPOCHS or not np.isfinite(last).all():
        return None
    line = stats.linregress(np.arange(last.size), last)
    change, half = third * float(line.slope), third * float(stats.t.ppf(0.975, last.size - 2) * line.stderr)
    return LateChange(change, (change - half, change + half))
