"""The queries and keys of a block with windows, put in an order of their own, and what uniform attention would see."""

from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

MAX_REFERENCE = 4096
"""Among more keys than these, medians and means are those of as many, spread evenly over them."""

QUERIES_AT_ONCE = 512


@dataclass(frozen=True)
class Tokens:
    """The tokens of all windows of one image that have a place, row by row, whatever window they are in."""

    px: Float[Tensor, "tokens axes"]
    """The middle of each token's patch, in pixels."""
    index: Int[Tensor, "windows slots"]
    """Which of them stands in each slot of a window; -1 for padding and class tokens."""

    @classmethod
    def of(cls, px: Float[Tensor, "windows slots axes"]) -> "Tokens":
        """The tokens of windows; their places may be in any order."""
        flat = px.flatten(0, 1).double()
        placed = (~flat.isnan().any(dim=-1)).nonzero()[:, 0]
        order = np.lexsort(flat[placed].cpu().numpy().T[::-1])
        ordered = placed[torch.from_numpy(order.copy()).to(placed.device)]
        index = torch.full((len(flat),), -1, device=px.device)
        index[ordered] = torch.arange(len(ordered), device=px.device)
        return cls(flat[ordered], index.view(px.shape[:2]))

    def in_slots(self, values: Tensor, missing: float | bool) -> Tensor:
        """What each token has, (tokens,), brought to the slots of the windows."""
        if len(values) == 0:
            return torch.full(self.index.shape, missing, dtype=values.dtype, device=values.device)
        return torch.where(self.index >= 0, values[self.index.clamp(min=0)], missing)

    def marked(self, pixels: Bool[Tensor, " *size"]) -> Bool[Tensor, " tokens"]:
        """Whether each token's patch, as wide as tokens are apart, covers at least one of the marked pixels."""
        if len(self.px) == 0:
            return self.px.new_zeros(0, dtype=torch.bool)
        sums = pixels.long()
        for axis in range(pixels.ndim):
            sums = torch.nn.functional.pad(sums.movedim(axis, -1), (1, 0)).cumsum(-1).movedim(-1, axis)
        half = torch.tensor([_step(middles) / 2 for middles in self.px.T], device=self.px.device)
        size = torch.tensor(pixels.shape, device=self.px.device)
        low, high = (((self.px + side).round().long().clamp(min=0).minimum(size)) for side in (-half, half))
        inside = torch.zeros(len(self.px), dtype=torch.long, device=self.px.device)
        for corner in range(2**pixels.ndim):  # sums over boxes from sums over corners
            bits = [(corner >> axis) & 1 for axis in range(pixels.ndim)]
            at = [(high if bit else low)[:, axis] for axis, bit in enumerate(bits)]
            inside += (-1) ** (pixels.ndim - sum(bits)) * sums[tuple(at)]
        return inside > 0


@dataclass(frozen=True)
class Horizon:
    """Of each query, what uniform attention to every key of a region would see; NaN for queries outside it.

    By query, or by the slots of windows that queries stand in.
    """

    distance_px: Float[Tensor, "*queries"]
    """Mean distance, its own key included."""
    distance_mm: Float[Tensor, "*queries"]
    median_mm: Float[Tensor, "*queries"]
    """The lower median distance of the other keys; far is what lies beyond."""
    far_share: Float[Tensor, "*queries"]
    """Of the other keys, the share that is far."""
    num_others: Float[Tensor, "*queries"]


def horizon_of(
    queries: Tokens,
    keys: Tokens,
    spacing_mm: tuple[float, ...],
    marked: tuple[Tensor, ...],
) -> Horizon:
    """What uniform attention sees of a region: of the queries and the keys that are marked.

    Exact up to `MAX_REFERENCE` keys. Distances are rounded to float32, so that equal ones are equal.
    """
    asked, key_px = marked[0].nonzero()[:, 0], keys.px[marked[1]]
    reference = key_px[spread(len(key_px))]
    parts = [_seen(queries.px[some], reference, len(key_px), spacing_mm) for some in asked.split(QUERIES_AT_ONCE)]
    columns = torch.cat(parts, dim=1) if parts else queries.px.new_zeros(5, 0, dtype=torch.float32)
    filled = columns.new_full((5, len(queries.px)), torch.nan)
    filled[:, asked] = columns
    return Horizon(**{each.name: column for each, column in zip(fields(Horizon), filled, strict=True)})


def _seen(
    query_px: Float[Tensor, "queries axes"],
    key_px: Float[Tensor, "keys axes"],
    num_keys: int,
    spacing_mm: tuple[float, ...],
) -> Float[Tensor, "5 queries"]:
    px, mm = distances(query_px, key_px), distances(query_px, key_px, spacing_mm)
    others = mm > 0
    counted = others.sum(dim=1)
    num_others = counted if len(key_px) == num_keys else torch.full_like(counted, num_keys - 1)
    median = mm.where(others, torch.nan).nanmedian(dim=1).values
    far = ((mm > median[:, None]) & others).sum(dim=1)
    part = num_others / num_keys / counted
    return torch.stack([px.sum(dim=1) * part, mm.sum(dim=1) * part, median, far / counted, num_others.to(mm.dtype)])


def distances(
    query_px: Float[Tensor, "*windows queries axes"],
    key_px: Float[Tensor, "*windows keys axes"],
    side: tuple[float, ...] | None = None,
) -> Float[Tensor, "*windows queries keys"]:
    """From each query to each key, in pixels or in the unit of a pixel's sides."""
    total = torch.zeros((), dtype=torch.float64, device=query_px.device)
    for axis in range(query_px.shape[-1]):
        apart = query_px[..., :, None, axis].double() - key_px[..., None, :, axis].double()
        total = total + (apart * (side[axis] if side else 1.0)).square()
    return total.sqrt().float()


def spread(count: int) -> Int[Tensor, " chosen"]:
    """All of so many, or `MAX_REFERENCE` of them, one drawn from each of as many equal parts; always the same."""
    if count <= MAX_REFERENCE:
        return torch.arange(count)
    jitter = torch.rand(MAX_REFERENCE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return ((torch.arange(MAX_REFERENCE) + jitter) * (count / MAX_REFERENCE)).long().clamp(max=count - 1)


def _step(middles: Float[Tensor, " tokens"]) -> float:
    """How far apart the middles along one axis are; of a single one, twice its distance to the edge."""
    different = middles.unique()
    return float(different.diff().median()) if len(different) > 1 else 2 * float(different[0])
