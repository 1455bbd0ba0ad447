"""What the explorer page needs of one model: a few slices with all their attention, and what the model draws there."""

from dataclasses import dataclass, field

import numpy as np

OPPOSITE = {"R": "L", "L": "R", "A": "P", "P": "A", "S": "I", "I": "S"}


@dataclass(frozen=True, eq=False)
class ExplorerRelevance:
    """Where each class, on the pixels that the model gives it, has drawn from after every block.

    Classes run in the order of `Explorer.labels`. `patches` (classes, blocks, patches) float32 has rows that sum to 1,
    or NaN where the class is not predicted or nothing spoke for it; `distance_mm` (classes, blocks) is how far these
    patches lie from the class's own, weighted alike, and `uniform_mm` (classes,) what it were if all counted the same.
    """

    patches: np.ndarray
    distance_mm: np.ndarray
    uniform_mm: np.ndarray


@dataclass(frozen=True, eq=False)
class ExplorerSlice:
    """One slice, everything in it turned the way it is looked at, in radiological convention.

    `image` (rows, columns) float32; `labels` (rows, columns) uint8, None where nobody drew them; `predictions` (depths,
    rows, columns) uint8, the label map with the blocks after 0, 1, ... of them skipped, so the last is the model's own,
    or the model's own alone. `maps` (blocks, heads, queries, keys) float32 after the softmax and `rollout` (blocks,
    queries, keys), the norm-weighted one after each block, have rows that sum to 1; tokens run row by row over
    `grid_size` (rows, columns) as the page shows them. `slice_index` counts from 0 along `num_slices`. `spacing_mm` is
    (row, column); `left` and `top` are the directions (of R, L, A, P, S, I) at those two edges.
    """

    patient_id: str
    slice_index: int
    num_slices: int
    image: np.ndarray
    labels: np.ndarray | None
    predictions: np.ndarray
    maps: np.ndarray
    rollout: np.ndarray
    grid_size: tuple[int, int]
    spacing_mm: tuple[float, float]
    left: str
    top: str
    relevance: ExplorerRelevance | None = None

    @property
    def sides(self) -> dict[str, str]:
        """The direction at each edge of the page."""
        return {"left": self.left, "right": OPPOSITE[self.left], "top": self.top, "bottom": OPPOSITE[self.top]}

    @property
    def token_mm(self) -> tuple[float, float]:
        """Height and width of a patch in mm."""
        row, column = (
            pixels * mm / tokens
            for pixels, mm, tokens in zip(self.image.shape, self.spacing_mm, self.grid_size, strict=True)
        )
        return row, column


@dataclass(frozen=True, eq=False)
class ExplorerVolume:
    """All slices of a patient to page through, turned as the slices with attention are.

    `images` (slices, rows, columns) uint8 runs from `low` to `high`, in the unit of `ExplorerSlice.image`; `labels`,
    None where nobody drew them, and `predictions`, the whole model's, are label maps of the same shape. All may be
    coarser than the slices with attention.
    """

    images: np.ndarray
    low: float
    high: float
    labels: np.ndarray | None
    predictions: np.ndarray


@dataclass(frozen=True, eq=False)
class Explorer:
    """A model and the slices to look at it with.

    `labels` maps label values to class names, background left out. `profile_distance_mm` (blocks, heads) is the mean
    over patients of the profile's distance with foreground queries and keys, None where the run was not profiled.
    `volumes` are those of some patients, by their ids. `left_out` says, in a sentence each, what this model cannot
    show.
    """

    name: str
    note: str
    labels: dict[int, str]
    slices: tuple[ExplorerSlice, ...]
    profile_distance_mm: np.ndarray | None = None
    volumes: dict[str, ExplorerVolume] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    @property
    def num_blocks(self) -> int:
        """Transformer blocks."""
        return int(self.slices[0].maps.shape[0])

    @property
    def num_heads(self) -> int:
        """Attention heads of a block."""
        return int(self.slices[0].maps.shape[1])

    @property
    def num_depths(self) -> int:
        """Predictions of a slice: one for every number of blocks that run, or that of the whole model alone."""
        return int(self.slices[0].predictions.shape[0])
