"""Where tokens lie, how far they are from each other, and which of them count."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

MIN_TOKENS = 8
"""A slice with fewer tokens in a region is left out there: a median distance among so few says nothing."""


def token_distances(grid_size: tuple[int, ...], token_size: tuple[float, ...]) -> Float[Tensor, "tokens tokens"]:
    """Euclidean distance between the centres of any two tokens, row-major.

    Args:
        grid_size: Tokens along each axis, two or three.
        token_size: Sides of a token, in the unit wanted (pixels or mm).

    Example:
        >>> token_distances((1, 3), (16.0, 16.0))[0].tolist()
        [0.0, 16.0, 32.0]
    """
    sides = zip(grid_size, token_size, strict=True)
    positions = torch.cartesian_prod(*[torch.arange(n, dtype=torch.float64) * size for n, size in sides])
    return torch.cdist(positions, positions, compute_mode="donot_use_mm_for_euclid_dist")


def covering_tokens(
    pixels: Bool[Tensor, "batch *size"], patch_size: int | tuple[int, ...]
) -> Bool[Tensor, "batch tokens"]:
    """The tokens whose patch covers at least one of the marked pixels, of a plane image or a volume."""
    pool = F.max_pool2d if pixels.ndim == 3 else F.max_pool3d
    return pool(pixels[:, None].float(), patch_size).flatten(1) > 0


@dataclass(frozen=True)
class Region:
    """The queries and keys of one batch that a measure is restricted to, and all that geometry says of them.

    Everything here depends on the slices alone, so it is computed once a batch and used by every block and head.
    """

    tokens: Bool[Tensor, "batch tokens"]
    """The queries, and the keys."""
    others: Bool[Tensor, "batch queries keys"]
    """The keys of the region other than the query itself."""
    far: Bool[Tensor, "batch queries keys"]
    """Those others that lie beyond the query's median distance to them."""
    distance_px: Float[Tensor, "queries keys"]
    distance_mm: Float[Tensor, "queries keys"]

    @classmethod
    def of(
        cls,
        tokens: Bool[Tensor, "batch tokens"],
        distance_px: Float[Tensor, "queries keys"],
        distance_mm: Float[Tensor, "queries keys"],
    ) -> "Region":
        """The region of these tokens; slices with fewer than `MIN_TOKENS` of them become empty."""
        tokens = tokens & (tokens.sum(dim=1, keepdim=True) >= MIN_TOKENS)
        others = tokens[:, None, :] & ~torch.eye(tokens.shape[1], dtype=torch.bool, device=tokens.device)
        median = distance_mm.where(others, torch.nan).nanquantile(0.5, dim=-1, keepdim=True)
        return cls(tokens, others, others & (distance_mm > median), distance_px, distance_mm)

    def repeated(self, batch: int) -> "Region":
        """The region of one slice for each of several that are alike."""
        tokens, others, far = (mask.expand(batch, *mask.shape[1:]) for mask in (self.tokens, self.others, self.far))
        return Region(tokens, others, far, self.distance_px, self.distance_mm)

    @property
    def num_tokens(self) -> Float[Tensor, " batch"]:
        """How many queries, and keys, each slice has in the region."""
        return self.tokens.sum(dim=1).to(self.distance_mm.dtype)

    def mean_over_queries(self, values: Float[Tensor, "batch *heads queries"]) -> Float[Tensor, "batch *heads"]:
        """Mean over the region's queries that have a value; NaN where there are none."""
        queries = self.tokens.view(self.tokens.shape[0], *[1] * (values.ndim - 2), -1) & ~values.isnan()
        return values.where(queries, 0).sum(dim=-1) / queries.sum(dim=-1)
