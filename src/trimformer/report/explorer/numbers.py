"""The numbers that the explorer shows, from the attention as it was recorded, never from the stored pictures."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from trimformer.records.explorer import ExplorerSlice

SINK = 5.0
"""A key is a sink when its column sum is more than so many times the median column."""

Views = Float[np.ndarray, "blocks views queries keys"]


@dataclass(frozen=True, eq=False)
class SliceNumbers:
    """What is known of every row of attention of a slice.

    Views are the heads, then their mean, then the rollout. All but `sinks` and `uniform_mm` are (blocks, views,
    queries) float32: the mean distance in mm, the same with sink keys taken away and the row renormalised (NaN where
    nothing is left), the weight of the query itself and the largest weight. `sinks` is (blocks, views, keys),
    `uniform_mm` (queries,) the distance of uniform attention.
    """

    distance_mm: np.ndarray
    distance_without_sinks_mm: np.ndarray
    own: np.ndarray
    largest: np.ndarray
    sinks: np.ndarray
    uniform_mm: np.ndarray


def views(shown: ExplorerSlice) -> Views:
    """The heads, their mean and the rollout as one array."""
    mean = shown.maps.mean(axis=1, keepdims=True)
    return np.concatenate([shown.maps, mean, shown.rollout[:, None]], axis=1).astype(np.float32)


def slice_numbers(shown: ExplorerSlice) -> SliceNumbers:
    """Measure every row of attention of a slice; mean distance as in Dosovitskiy et al. 2021, appendix D.7."""
    maps, distances = views(shown), token_distances(shown)
    sinks = find_sinks(maps)
    kept = maps * ~sinks[..., None, :]
    with np.errstate(invalid="ignore"):
        without = (kept * distances).sum(axis=-1) / kept.sum(axis=-1)
    return SliceNumbers(
        distance_mm=(maps * distances).sum(axis=-1),
        distance_without_sinks_mm=without,
        own=maps.diagonal(axis1=-2, axis2=-1),
        largest=maps.max(axis=-1),
        sinks=sinks,
        uniform_mm=distances.mean(axis=1),
    )


def token_distances(shown: ExplorerSlice) -> Float[np.ndarray, "queries keys"]:
    """Millimetres between the centres of any two patches, row by row."""
    rows, columns = np.indices(shown.grid_size)
    height, width = shown.token_mm
    places = np.stack([rows.ravel() * height, columns.ravel() * width], axis=1)
    return np.linalg.norm(places[:, None] - places[None], axis=-1).astype(np.float32)


def find_sinks(maps: Views) -> Bool[np.ndarray, "blocks views keys"]:
    """The keys that draw more than `SINK` times the attention of the median key."""
    columns = maps.mean(axis=-2)
    return columns > SINK * np.median(columns, axis=-1, keepdims=True)


def slice_dice(shown: ExplorerSlice, values: list[int]) -> Float[np.ndarray, "depths"] | None:
    """Mean Dice of each prediction over the labels that are in the slice; None where none is."""
    if shown.labels is None or not (present := [value for value in values if (shown.labels == value).any()]):
        return None
    scores = [
        [_dice(prediction == value, shown.labels == value) for value in present] for prediction in shown.predictions
    ]
    return np.mean(scores, axis=1)


def _dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other)))
