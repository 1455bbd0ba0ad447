"""One slice with everything that a figure of its attention shows."""

from dataclasses import dataclass, field

import numpy as np

from trimformer.records.errors import UserError
from trimformer.records.profile import AttentionProfile

HEAD_MEAN = "head mean"
FIELD_NAMES = {"norm_weighted": "norm-weighted rollout", "half_residual": "rollout"}
"""Cumulative fields by their key, with the names that a reader knows."""


@dataclass(frozen=True, eq=False)
class ClassRelevance:
    """From which patches a class was drawn: `mask` (x, y) bool, where; `patches` (blocks, patches), by block."""

    mask: np.ndarray
    patches: np.ndarray


@dataclass(frozen=True, eq=False)
class AttentionExample:
    """What every block does with one slice.

    `image` (x, y) float32 and `foreground` (x, y) bool; `maps` (blocks, heads, queries, keys) after the softmax, among
    patches alone, patches row by row over `grid_size`; `fields` by the keys of `FIELD_NAMES`, each (blocks, queries,
    keys), cumulative over the blocks. `components` (1 + blocks, patches, 3) are the first principal components of the
    patches' states before the first block and after each, `explained` (1 + blocks, 3) their shares of the variance;
    both empty where no states were kept. `spacing_mm` is (x, y), None where nobody told it.
    """

    image: np.ndarray
    foreground: np.ndarray
    grid_size: tuple[int, int]
    maps: np.ndarray
    fields: dict[str, np.ndarray]
    components: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 3)))
    explained: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    spacing_mm: tuple[float, float] | None = None
    patient_id: str = ""
    slice_index: int | None = None
    towards: tuple[str, str] | None = None
    """Where x and y grow to, two of R, A and S; None where nobody told it."""
    relevance: dict[str, ClassRelevance] = field(default_factory=dict)
    """By the class's name, on the pixels where the model draws it."""
    has_heads: bool = True
    """Whether `maps` holds single heads; otherwise their mean stands there as one."""

    @classmethod
    def of_profile(cls, profile: AttentionProfile) -> "AttentionExample | None":
        """The slice that a profile keeps, with head means and the half-residual rollout; None where it keeps none.

        A volume's patches do not lie in the slice, and give none either.
        """
        if not {"image", "foreground", "maps"} <= profile.example.keys() or len(profile.grid_size) != 2:
            return None
        rows, columns = profile.grid_size
        maps = profile.example["maps"].astype(np.float32)
        return cls(
            image=profile.example["image"].astype(np.float32),
            foreground=profile.example["foreground"].astype(bool),
            grid_size=(rows, columns),
            maps=maps[:, None],
            fields={"half_residual": half_residual_rollout(maps)},
            has_heads=False,
        )

    @property
    def num_blocks(self) -> int:
        """How many blocks were seen."""
        return len(self.maps)

    @property
    def foreground_patches(self) -> np.ndarray:
        """(patches,) bool: the patches that cover a pixel of the foreground; all where there is none."""
        return covering_patches(self.foreground, self.grid_size)

    @property
    def foreground_or_all(self) -> np.ndarray:
        """`foreground`, or every pixel where it is empty."""
        return self.foreground if self.foreground.any() else np.ones_like(self.foreground)

    def shows_the_slice_of(self, other: "AttentionExample") -> bool:
        """Whether both show the same slice, by its patient and number, or by its pixels where nobody named it."""
        if self.patient_id and other.patient_id:
            return (self.patient_id, self.slice_index) == (other.patient_id, other.slice_index)
        return np.array_equal(self.image, other.image)

    def attention(self, block: int, head: int | None = None) -> np.ndarray:
        """The map (queries, keys) float32 of a block, the head mean unless a head is named; both counted from 1.

        Raises:
            UserError: There is no such block or head.
        """
        _check_number("block", block, self.num_blocks)
        maps = self.maps[block - 1].astype(np.float32)
        if head is None:
            mean: np.ndarray = maps.mean(axis=0)
            return mean
        _check_number("head", head, len(maps) if self.has_heads else 0)
        return np.asarray(maps[head - 1])


def half_residual_rollout(maps: np.ndarray) -> np.ndarray:
    """R_l = (A_l/2 + I/2) R_(l-1) over head means (blocks, queries, keys) (Abnar and Zuidema 2020, equation 1).

    Example:
        >>> half_residual_rollout(np.array([[[0.0, 1.0], [1.0, 0.0]]] * 2))[-1].tolist()
        [[0.5, 0.5], [0.5, 0.5]]
    """
    rollouts = [np.eye(maps.shape[-1])]
    for attention in maps:
        rollouts.append((attention @ rollouts[-1] + rollouts[-1]) / 2)
    return np.stack(rollouts[1:])


def covering_patches(mask: np.ndarray, grid_size: tuple[int, int]) -> np.ndarray:
    """(patches,) bool, row by row: those that cover a pixel of the mask; all where the mask is empty.

    Example:
        >>> covering_patches(np.array([[True, False, False, False]]), (1, 2)).tolist()
        [True, False]
    """
    if not mask.any():
        return np.ones(grid_size[0] * grid_size[1], dtype=bool)
    return covered_shares(mask, grid_size) > 0


def covered_shares(mask: np.ndarray, grid_size: tuple[int, int]) -> np.ndarray:
    """(patches,) row by row: which share of a patch's pixels the mask covers."""
    rows, columns = grid_size
    tiles = mask.reshape(rows, mask.shape[0] // rows, columns, mask.shape[1] // columns)
    shares: np.ndarray = tiles.mean(axis=(1, 3))
    return shares.ravel()


def _check_number(kind: str, number: int, count: int) -> None:
    if not 1 <= number <= count:
        found = f"{kind} {number}" if count else f"{kind} {number}, but only the head mean was kept"
        raise UserError(f"A {kind} is named by its number, 1 to {count}", found, f"Name a {kind} that was recorded.")
