"""One batch through a model, measured block by block while it runs."""

from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from trimformer.attention.geometry import Region, covering_tokens, token_distances
from trimformer.attention.measures import RegionMeasures, Values, named
from trimformer.attention.record import AttentionCall, block_names, observe_attention
from trimformer.attention.rollout import half_residual, norm_weighted
from trimformer.data.batch import Batch
from trimformer.records.errors import UserError

Regions = dict[str, RegionMeasures]
"""By the names of `records.profile.REGIONS`."""


class _AllBlocksSeenError(Exception):
    """Ends a forward pass whose rest (the decoder) nobody reads."""


class Watcher:
    """Measures every block of one forward pass on every region."""

    def __init__(self, num_blocks: int, regions: Regions) -> None:
        self.mean_maps: list[Tensor] = []
        self.num_heads = 0
        self._num_blocks = num_blocks
        self._regions = regions
        self._rollouts: dict[str, Tensor] = {}
        self._blocks: list[Values] = []

    def __call__(self, call: AttentionCall) -> None:
        """Measure one block; after the last one the forward pass is ended."""
        maps = call.maps()
        self.num_heads = maps.shape[1]
        self.mean_maps.append(maps.mean(dim=1))
        steps = {"norm_weighted": norm_weighted(call, maps), "half_residual": half_residual(maps)}
        for name, step in steps.items():
            self._rollouts[name] = step @ self._rollouts[name] if name in self._rollouts else step
        self._blocks.append(_measure(maps, self._rollouts | {"per_block": self.mean_maps[-1]}, self._regions))
        if call.index == self._num_blocks - 1:
            raise _AllBlocksSeenError

    def values(self) -> Values:
        """Every measure as (batch, blocks, heads), every field's as (batch, blocks)."""
        return {name: torch.stack([block[name] for block in self._blocks], dim=1) for name in self._blocks[0]}


def watch(model: nn.Module, batch: Batch, regions: Regions) -> Watcher:
    """Run the model on a batch and measure each of its blocks.

    Raises:
        UserError: Not every block ran its attention where it can be seen.
    """
    watcher = Watcher(len(block_names(model)), regions)
    try:
        with observe_attention(model, watcher):
            model(batch.images)
    except _AllBlocksSeenError:
        return watcher
    raise UserError(
        "Every block must run its attention while it is profiled",
        f"{len(watcher.mean_maps)} of {len(block_names(model))} blocks seen",
        "Profile the model before torch.compile.",
    )


def _measure(maps: Tensor, fields: dict[str, Tensor], regions: Regions) -> Values:
    values: Values = {}
    plogp = torch.xlogy(maps, maps)
    for region, measure in regions.items():
        values |= named(region, measure(maps, plogp))
        for name, field in fields.items():
            values |= named(f"{region}/{name}", measure.field(field))
    return values


def uniform_values(regions: Regions) -> Values:
    """Every measure of uniform attention: (batch,)."""
    values: Values = {}
    for region, measure in regions.items():
        tokens = measure.region.tokens
        maps = torch.full((len(tokens), 1, tokens.shape[1], tokens.shape[1]), 1 / tokens.shape[1], device=tokens.device)
        values |= {name: value[:, 0] for name, value in named(region, measure(maps)).items()}
    return values


def regions_of(batch: Batch, transformer: Any) -> Regions:
    """The measures on foreground tokens and on all tokens of a batch."""
    patch = transformer.patch_size
    row_mm, column_mm = batch.spacing_mm
    device = batch.images.device
    pixels = token_distances(transformer.grid_size, (float(patch), float(patch))).to(device, torch.float32)
    millimetres = token_distances(transformer.grid_size, (patch * row_mm, patch * column_mm)).to(device, torch.float32)
    foreground = covering_tokens(foreground_of(batch), patch)
    tokens = {"foreground": foreground, "all": torch.ones_like(foreground)}
    return {name: RegionMeasures(Region.of(mask, pixels, millimetres)) for name, mask in tokens.items()}


def foreground_of(batch: Batch) -> Bool[Tensor, "batch rows columns"]:
    """The pixels that count; none where the batch does not tell."""
    return torch.zeros_like(batch.images[:, 0], dtype=torch.bool) if batch.foreground is None else batch.foreground
