"""The passes over attention maps from which every measure of every region follows, each made once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from trimformer.attention.measures.geometry import Region

NUM_WEIGHTS = 4


@dataclass(frozen=True)
class Sums:
    """What a region's keys hold of each query's attention; rows of the maps may sum to anything."""

    others: Float[Tensor, "batch heads queries"]
    """Mass on the region's keys other than the query."""
    distance_px: Float[Tensor, "batch heads queries"]
    """That mass times its distance."""
    distance_mm: Float[Tensor, "batch heads queries"]
    far: Float[Tensor, "batch heads queries"]
    """Mass beyond the query's median distance."""
    mass: Float[Tensor, "batch heads queries"]
    """All mass on the region's keys, the query's own too."""
    diagonal: Float[Tensor, "batch heads queries"]
    plogp: Float[Tensor, "batch heads queries"]
    """Sum over the region's keys of a log a."""
    mean_row: Float[Tensor, "batch heads keys"]
    """The mean over the region's queries of their rows, each divided by its mass; 0 outside the region."""


class Parts(NamedTuple):
    """What the passes over some images' maps leave, before it is told apart by regions; images and heads come first."""

    linear: Float[Tensor, "images heads queries four_regions"]
    plogp: Float[Tensor, "images heads queries regions"]
    rows: Float[Tensor, "images heads regions keys"]
    diagonal: Float[Tensor, "images heads queries"]


class RegionSums:
    """What several regions of one batch need of every map; the weights of the linear sums are made once.

    All that is linear in the attention is one product with the weights of all regions. Given the images one after
    the other, it reads their maps from the processor's cache and not from memory. That is where the time goes.
    """

    def __init__(self, regions: Sequence[Region], weights: Sequence[Tensor] | None = None) -> None:
        """Make ready for the regions, of which `region_weights` may be at hand."""
        weights = [region_weights(region) for region in regions] if weights is None else weights
        self._tokens = torch.stack([region.tokens for region in regions], dim=1)[:, None]  # batch, 1, regions, tokens
        self._weights = torch.cat(list(weights), dim=2)  # batch, queries, 4 each, keys
        self._marked = self._tokens.to(self._weights.dtype)
        self._counts = self._marked.sum(dim=-1, keepdim=True)

    def __call__(self, maps: Float[Tensor, "batch heads queries keys"], *, entropy: bool = True) -> list[Sums]:
        """The sums of each region; those of a log a are 0 where no entropy is asked for."""
        return self.of_parts(self.parts(maps, entropy=entropy))

    def parts(
        self, maps: Float[Tensor, "images heads queries keys"], images: slice = slice(None), *, entropy: bool = True
    ) -> Parts:
        """The passes over the maps of some of the batch's images, to be joined."""
        by_query = maps.permute(0, 2, 3, 1).flatten(0, 1)  # image after image, keys, heads: a view of one image's
        linear = torch.bmm(self._weights[images].flatten(0, 1), by_query)
        linear = linear.unflatten(0, maps.shape[:3:2]).permute(0, 3, 1, 2)
        diagonal = maps.diagonal(dim1=-2, dim2=-1)
        mass = linear[..., ::NUM_WEIGHTS] + diagonal[..., None]
        shares = torch.where(self._tokens[images], 1 / mass.mT, 0) / self._counts[images]  # what a query's row counts
        rows = (shares.contiguous() @ maps) * self._tokens[images]  # a product of strided ones takes four times as long
        plogp = (self._marked[images] @ _times_log(maps).mT).mT if entropy else torch.zeros_like(mass)
        return Parts(linear, plogp, rows, diagonal)

    def of_parts(self, parts: Parts) -> list[Sums]:
        """The sums of each region from the parts of all images."""
        sums = []
        for region in range(self._tokens.shape[2]):
            others, px, mm, far = parts.linear.unflatten(-1, (-1, NUM_WEIGHTS))[..., region, :].unbind(dim=-1)
            of_region = (parts.plogp[..., region], parts.rows[:, :, region])
            sums.append(Sums(others, px, mm, far, others + parts.diagonal, parts.diagonal, *of_region))
        return sums


def joined(blocks: Sequence[Sequence[Parts]]) -> Parts:
    """The parts of one batch from those of its images, block by block; heads follow each other through the blocks."""
    of_blocks = [[torch.cat(images) for images in zip(*block, strict=True)] for block in blocks]
    return Parts(*(torch.cat(each, dim=1) for each in zip(*of_blocks, strict=True)))


def region_weights(region: Region) -> Float[Tensor, "batch queries 4 keys"]:
    """What each key counts in mass, distance (pixels, mm) and far mass of each query."""
    others = region.others.to(region.distance_mm.dtype)
    weights = (others, others * region.distance_px, others * region.distance_mm, region.far.to(others.dtype))
    return torch.stack(weights, dim=2)


def _times_log(maps: Tensor) -> Tensor:
    """A log a, 0 where a is 0; several times as fast as `torch.xlogy`."""
    return maps.clamp_min(torch.finfo(maps.dtype).tiny).log_().mul_(maps)
