"""Which patient is on which side; a patient is never on two."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from trimformer.records.errors import UserError

Split = dict[str, tuple[str, ...]]
"""Side -> the ids of its patients, sorted."""


def split_patients(patient_ids: Sequence[str], sizes: Mapping[str, int], seed: int) -> Split:
    """Deal patients to sides of the given sizes at random, the same for the same seed whatever their order.

    Raises:
        UserError: A side would be empty, the sizes do not use up the patients, or an id stands twice.

    Example:
        >>> split_patients(["a", "b", "c"], {"training": 2, "validation": 1}, seed=0)
        {'training': ('a', 'c'), 'validation': ('b',)}
    """
    if min(sizes.values()) < 1 or sum(sizes.values()) != len(patient_ids):
        raise UserError(
            "Each side of a split has at least one patient and together they have all",
            f"{dict(sizes)} for {len(patient_ids)} patients",
            "Change the number of patients or the size of a side.",
        )
    shuffled = np.random.default_rng(seed).permutation(sorted(patient_ids)).tolist()
    ends = np.cumsum(list(sizes.values())).tolist()
    split = {
        side: tuple(sorted(shuffled[end - size : end])) for (side, size), end in zip(sizes.items(), ends, strict=True)
    }
    refuse_overlap(split)
    return split


def refuse_overlap(split: Mapping[str, Sequence[str]]) -> None:
    """Check that every patient stands on one side, once.

    Raises:
        UserError: Names the patients that stand twice.
    """
    counts = Counter(patient_id for side in split.values() for patient_id in side)
    twice = sorted(patient_id for patient_id, count in counts.items() if count > 1)
    if twice:
        raise UserError(
            "A patient is on one side of a split, once", ", ".join(twice), "Take those patients off one side."
        )
