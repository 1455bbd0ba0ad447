"""A made-up record for the explorer: a round head, attention that widens with depth, one sink."""

import numpy as np

from trimformer.records.explorer import Explorer, ExplorerRelevance, ExplorerSlice, ExplorerVolume

LABELS = {1: "outer_ring", 2: "inner <b>disc</b>"}


def made_slice(
    patient_id: str = "sub-01",
    slice_index: int = 30,
    blocks: int = 3,
    heads: int = 2,
    grid_size: tuple[int, int] = (6, 6),
    pixels: int = 8,
    noise: float = 0.6,
    labelled: bool = True,
) -> ExplorerSlice:
    """A slice of `pixels` a patch, 1.0 x 1.5 mm each; every number follows from its name and index."""
    random = np.random.default_rng([slice_index, *patient_id.encode()])
    labels = made_labels(tuple(count * pixels for count in grid_size))
    image = (labels * 1.1 + random.normal(0, 0.12, labels.shape)).astype(np.float32)
    maps = np.stack([made_maps(random, heads, grid_size, 0.8 + 1.5 * block, noise) for block in range(blocks)])
    rollout = [np.eye(maps.shape[-1])]
    for block in maps.mean(axis=1):
        rollout.append((0.5 * block + 0.5 * np.eye(len(block))) @ rollout[-1])
    return ExplorerSlice(
        patient_id=patient_id,
        slice_index=slice_index,
        num_slices=60,
        image=image,
        labels=labels if labelled else None,
        predictions=np.stack([np.roll(labels, blocks - depth, axis=1) for depth in range(blocks + 1)]),
        maps=maps.astype(np.float32),
        rollout=np.stack(rollout[1:]).astype(np.float32),
        grid_size=grid_size,
        spacing_mm=(1.0, 1.5),
        left="R",
        top="A",
        relevance=made_relevance(random, blocks, maps.shape[-1]),
    )


def made_relevance(random: np.random.Generator, blocks: int, tokens: int) -> ExplorerRelevance:
    """Of two classes; for the second nothing spoke."""
    patches = random.random((2, blocks, tokens))
    distance, uniform = random.uniform(10, 30, (2, blocks)), random.uniform(20, 30, 2)
    patches[1], distance[1], uniform[1] = np.nan, np.nan, np.nan
    return ExplorerRelevance((patches / patches.sum(axis=-1, keepdims=True)).astype(np.float32), distance, uniform)


def made_volume(slices: int = 60, size: tuple[int, int] = (24, 24)) -> ExplorerVolume:
    """A volume at half the size of the slices, whose brightness and labels say which slice it is."""
    labels = np.stack([made_labels(size) * (index % 2) for index in range(slices)]).astype(np.uint8)
    images = np.broadcast_to(np.arange(slices, dtype=np.uint8)[:, None, None] * 4, labels.shape)
    return ExplorerVolume(images, 0.0, 2.0, labels, np.roll(labels, 1, axis=2))


def made_labels(size: tuple[int, ...]) -> np.ndarray:
    """An ellipse in a ring."""
    row, column = (np.linspace(-1, 1, count) for count in size)
    radius = np.hypot(row[:, None], column[None] * 1.1)
    labels: np.ndarray = np.select([radius < 0.5, radius < 0.85], [2, 1], 0).astype(np.uint8)
    return labels


def made_maps(
    random: np.random.Generator, heads: int, grid_size: tuple[int, int], reach: float, noise: float
) -> np.ndarray:
    """Softmaxed scores (heads, queries, keys): near patches, noise, and a sink in the first corner of the last head."""
    places = np.array(list(np.ndindex(*grid_size)))
    square = ((places[:, None] - places[None]) ** 2).sum(axis=-1)
    scores = np.array([-square / (2 * (reach * (1 + head % 3)) ** 2) for head in range(heads)])
    scores = scores + random.normal(0, noise, scores.shape)
    scores[-1, :, 0] += 6
    weights: np.ndarray = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return weights


def made_explorer(**settings: object) -> Explorer:
    """Three slices of two patients, with what a profile would say and the first one's volume."""
    slices = (
        made_slice("sub-01", 30, **settings),  # type: ignore[arg-type]
        made_slice("sub-01", 31, **settings),  # type: ignore[arg-type]
        made_slice("sub-02 & <i>", 12, **settings),  # type: ignore[arg-type]
    )
    blocks, heads = slices[0].maps.shape[:2]
    profile = np.linspace(11, 29, blocks * heads).reshape(blocks, heads)
    return Explorer("unetr <made up>", "Made-up slices & maps.", LABELS, slices, profile, {"sub-01": made_volume()})
