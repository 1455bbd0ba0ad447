"""The passes over attention maps from which every measure of every region follows, each made once."""

from collections.abc import Sequence
from dataclasses import dataclass

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


class RegionSums:
    """What several regions of one batch need of every map; the weights of the linear sums are made once.

    All that is linear in the attention is one product with the weights of all regions, and the images come one after
    the other, so that a map is read from the processor's cache and not from memory. That is where the time goes.
    """

    def __init__(self, regions: Sequence[Region]) -> None:
        dtype = regions[0].distance_mm.dtype
        self._tokens = torch.stack([region.tokens for region in regions], dim=1)  # batch, regions, tokens
        self._counts = self._tokens.sum(dim=-1).to(dtype)
        self._keys = self._tokens.to(dtype).transpose(1, 2).contiguous()  # batch, tokens, regions
        self._weights = torch.cat([region_weights(region) for region in regions], dim=2)  # batch, queries, 4 each, keys

    def __call__(self, maps: Float[Tensor, "batch heads queries keys"], *, entropy: bool = True) -> list[Sums]:
        """The sums of each region; those of a log a are 0 where no entropy is asked for."""
        of_images = [self._image(index, each, entropy) for index, each in enumerate(maps)]
        linear, plogp, rows = (torch.stack(parts) for parts in zip(*of_images, strict=True))
        diagonal = maps.diagonal(dim1=-2, dim2=-1)
        sums = []
        for region in range(self._tokens.shape[1]):
            others, px, mm, far = linear.unflatten(-1, (-1, NUM_WEIGHTS))[..., region, :].unbind(dim=-1)
            of_region = (plogp[..., region], rows[:, :, region])
            sums.append(Sums(others, px, mm, far, others + diagonal, diagonal, *of_region))
        return sums

    def _image(self, index: int, maps: Float[Tensor, "heads queries keys"], entropy: bool) -> tuple[Tensor, ...]:
        weights, keys = self._weights[index].transpose(1, 2), self._keys[index]
        linear = torch.bmm(maps.transpose(0, 1), weights).transpose(0, 1)  # heads, queries, 4 a region
        plogp = _times_log(maps) @ keys if entropy else keys.new_zeros(()).expand(*maps.shape[:2], keys.shape[1])
        mass = linear[..., ::NUM_WEIGHTS] + maps.diagonal(dim1=-2, dim2=-1)[..., None]
        queries = torch.where(self._keys[index] > 0, 1 / mass, 0) / self._counts[index]
        return linear, plogp, (queries.transpose(1, 2) @ maps) * self._tokens[index]


def region_weights(region: Region) -> Float[Tensor, "batch queries 4 keys"]:
    """What each key counts in mass, distance (pixels, mm) and far mass of each query."""
    others = region.others.to(region.distance_mm.dtype)
    weights = (others, others * region.distance_px, others * region.distance_mm, region.far.to(others.dtype))
    return torch.stack(weights, dim=2)


def _times_log(maps: Tensor) -> Tensor:
    """A log a, 0 where a is 0; several times as fast as `torch.xlogy`."""
    return maps.clamp_min(torch.finfo(maps.dtype).tiny).log_().mul_(maps)
