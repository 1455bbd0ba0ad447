"""Sides drawn at random: the same for the same seed, whatever the order of the patients."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from trimformer.records.errors import UserError

Name = TypeVar("Name", bound=str)


def split_patients(patient_ids: Sequence[str], sizes: Mapping[Name, int], seed: int) -> dict[Name, tuple[str, ...]]:
    """Deal patients to sides of the given sizes.

    Raises:
        UserError: A side would be empty or the sizes do not use up the patients.

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
    return {
        side: tuple(sorted(shuffled[end - size : end])) for (side, size), end in zip(sizes.items(), ends, strict=True)
    }


def draw_stratified(groups: Mapping[str, str], count: int, seed: int) -> tuple[str, ...]:
    """Draw `count` patients, each group (patient -> group) in its proportion to the nearest whole patient.

    Raises:
        UserError: There are not more patients than are to be drawn.

    Example:
        >>> draw_stratified({"a": "P", "b": "P", "c": "N", "d": "N"}, count=2, seed=0)
        ('a', 'c')
    """
    if not 0 < count < len(groups):
        raise UserError(
            "At least one patient is drawn for a side, and one is left",
            f"{count} of {len(groups)} patients",
            "Add patients, or ask for fewer on that side.",
        )
    shuffled = _shuffled_groups(groups, seed)
    shares = {name: count * len(members) / len(groups) for name, members in shuffled.items()}
    sizes = {name: int(share) for name, share in shares.items()}
    # The patients still wanted come from the groups that rounding down cost most.
    by_remainder = sorted(shares, key=lambda name: (sizes[name] - shares[name], name))
    for name in by_remainder[: count - sum(sizes.values())]:
        sizes[name] += 1
    return tuple(sorted(patient for name, members in shuffled.items() for patient in members[: sizes[name]]))


def draw_folds(groups: Mapping[str, str], folds: int, seed: int) -> tuple[tuple[str, ...], ...]:
    """Deal all patients into `folds` parts whose sizes differ by one at most, over all and in each group.

    Raises:
        UserError: There are fewer patients than parts.
    """
    if folds > len(groups):
        raise UserError(
            "Each fold has at least one patient",
            f"{folds} folds of {len(groups)} patients",
            "Lower data.folds.",
        )
    # Dealt like cards, one group after the other without a new start.
    dealt = [patient for members in _shuffled_groups(groups, seed).values() for patient in members]
    return tuple(tuple(sorted(dealt[fold::folds])) for fold in range(folds))


def _shuffled_groups(groups: Mapping[str, str], seed: int) -> dict[str, list[str]]:
    """Group -> its patients in a random order that their own order does not change."""
    random = np.random.default_rng(seed)
    names = sorted(set(groups.values()))
    return {
        name: random.permutation(sorted(patient for patient, group in groups.items() if group == name)).tolist()
        for name in names
    }
