"""The values of a label file -> those that a model learns."""

from collections.abc import Iterable, Mapping

import numpy as np

from trimformer.data.rules import KNOWN_LABELS, WHOLE_LABELS

MOST_SHOWN = 6
ENOUGH_UNKNOWN = 1000
"""By then it is no label file; an image has millions of values."""


def model_labels(file: object, voxels: np.ndarray, label_values: Mapping[int, int]) -> np.ndarray:
    """Labels (x, y, z) uint8 in the values that a model learns.

    Args:
        file: What an error names.
        voxels: (x, y, z) of any number type, as they were stored.
        label_values: What a model learns, 0 to 255, for each value that may stand in the file.

    Raises:
        FileError: Values are no whole numbers, or none of `label_values`.
    """
    mapped = np.empty_like(voxels, np.uint8)
    unknown: set[int | float] = set()
    for index in range(voxels.shape[2]):  # slice by slice: sorting a whole volume takes seconds
        unknown.update(_map_slice(voxels[..., index], label_values, mapped[..., index]))
        if len(unknown) > ENOUGH_UNKNOWN:
            break
    broken = sorted(value for value in unknown if not float(value).is_integer())
    if broken:
        raise WHOLE_LABELS.broken(file, listed(broken))
    if unknown:
        meant = listed(sorted(label_values))
        raise KNOWN_LABELS.broken(file, f"{listed(sorted(unknown))}, where {meant} are meant")
    return mapped


def _map_slice(values: np.ndarray, label_values: Mapping[int, int], mapped: np.ndarray) -> set[int | float]:
    """Fill `mapped`, and give back the values that `label_values` does not have."""
    with np.errstate(invalid="ignore"):  # what does not fit is told by its value, not by a warning
        small = values.astype(np.uint16)
    if not np.array_equal(small, values):
        found = set(np.unique(values).tolist())
        for value in found & label_values.keys():
            mapped[values == value] = label_values[value]
        return found - label_values.keys()
    counts = np.bincount(small.ravel(order="K"))
    table = np.zeros(len(counts), np.uint8)
    for value, learned in label_values.items():
        if 0 <= value < len(counts):
            table[value] = learned
    mapped[...] = table[small]
    seen: set[int | float] = set(np.flatnonzero(counts).tolist())
    return seen - label_values.keys()


def listed(values: Iterable[int | float]) -> str:
    """The first few of several numbers, for a message.

    Example:
        >>> listed([0.5, 3, 4, 5, 6, 7, 8])
        '0.5, 3, 4, 5, 6, 7, ...'
    """
    texts = [f"{value:.15g}" for value in values]
    return ", ".join(texts[:MOST_SHOWN]) + (", ..." if len(texts) > MOST_SHOWN else "")
