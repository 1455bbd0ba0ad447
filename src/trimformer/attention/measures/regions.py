"""The regions of a batch in which everything is measured: the tokens on its foreground, and all."""

import torch
from jaxtyping import Bool
from torch import Tensor

from trimformer.attention.measures.geometry import Region, covering_tokens, token_distances
from trimformer.attention.measures.region_measures import RegionMeasures
from trimformer.attention.transformer.token_grid import TokenGrid
from trimformer.data.batch import Batch

Regions = dict[str, RegionMeasures]
"""By the names of `records.profile.REGIONS`."""


def regions_of(batch: Batch, grid: TokenGrid) -> Regions:
    """The measures on foreground patches and on all patches of a batch."""
    patches, size, device = grid.patch_sizes, grid.grid_size, batch.images.device
    sides_mm = tuple(patch * side for patch, side in zip(patches, batch.spacing_mm, strict=True))
    pixels = token_distances(size, tuple(map(float, patches))).to(device, torch.float32)
    millimetres = token_distances(size, sides_mm).to(device, torch.float32)
    foreground = covering_tokens(foreground_of(batch), patches)
    every = RegionMeasures(Region.of(torch.ones_like(foreground[:1]), pixels, millimetres))
    return {
        "foreground": RegionMeasures(Region.of(foreground, pixels, millimetres)),
        "all": every.repeated(len(foreground)),  # the same on every slice
    }


def foreground_of(batch: Batch) -> Bool[Tensor, "batch *size"]:
    """The pixels that count; none where the batch does not tell."""
    return torch.zeros_like(batch.images[:, 0], dtype=torch.bool) if batch.foreground is None else batch.foreground
