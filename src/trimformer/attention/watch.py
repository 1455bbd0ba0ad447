"""One batch through a sequence of blocks, measured block by block while it runs."""

from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from trimformer.attention.beside import Beside
from trimformer.attention.measures.geometry import Region, covering_tokens, token_distances
from trimformer.attention.measures.region_measures import RegionMeasures, Values, named
from trimformer.attention.measures.region_sums import RegionSums
from trimformer.attention.measures.rollout import HeadProducts, half_identity, head_products, norm_weighted
from trimformer.attention.transformer.blocks import Transformer
from trimformer.attention.transformer.observe import AttentionCall, observe_attention
from trimformer.attention.transformer.states import run_blocks
from trimformer.attention.transformer.token_grid import TokenGrid
from trimformer.data.batch import Batch
from trimformer.records.errors import UserError

Regions = dict[str, RegionMeasures]
"""By the names of `records.profile.REGIONS`."""


class AllBlocksSeenError(Exception):
    """Ends a forward pass whose rest (the decoder) nobody reads."""


class Watcher:
    """Measures every block of one forward pass on every region; only what concerns patches, never prefix tokens."""

    def __init__(
        self, transformer: Transformer, regions: Regions, products: dict[int, HeadProducts], beside: Beside | None
    ) -> None:
        self.mean_maps: list[Tensor] = []
        self.num_heads = 0
        self._num_blocks = len(transformer.blocks)
        self._grid = transformer.grid
        self._regions = regions
        self._products = products
        self._beside = beside
        self._rollouts: dict[str, Tensor] = {}
        self._blocks: list[Values] = []
        self._sums = RegionSums([measure.region for measure in regions.values()])

    def __call__(self, call: AttentionCall) -> None:
        """Measure one block; after the last one the forward pass is ended, unless its states are wanted as well."""
        maps = call.maps()
        mean = maps.mean(dim=1)
        self.num_heads = maps.shape[1]
        self.mean_maps.append(self._grid.of_patches(mean))
        if call.index not in self._products:
            self._products[call.index] = head_products(call)
        weighted = norm_weighted(call, maps, self._products[call.index])
        steps = {"norm_weighted": weighted, "half_residual": half_identity(mean)}
        for name, step in steps.items():
            self._rollouts[name] = step @ self._rollouts[name] if name in self._rollouts else step
        fields = {name: self._grid.of_patches(rollout) for name, rollout in self._rollouts.items()}
        fields["per_block"] = self.mean_maps[-1]
        prefix = self._grid.num_prefix_tokens  # measures renormalise rows by themselves
        self._blocks.append(self._measure(maps[..., prefix:, prefix:], fields))
        if self._beside is not None:
            self._beside.attention(call, maps)
        elif call.index == self._num_blocks - 1:
            raise AllBlocksSeenError

    def values(self) -> Values:
        """Every measure as (batch, blocks, heads), every field's as (batch, blocks)."""
        return {name: torch.stack([block[name] for block in self._blocks], dim=1) for name in self._blocks[0]}

    def weights(self) -> dict[str, Tensor]:
        """How much each slice counts in each region: its queries there, (batch,)."""
        return {name: measure.region.num_tokens for name, measure in self._regions.items()}

    def uniform(self) -> Values:
        """Every measure of uniform attention on the same slices: (batch,)."""
        return uniform_values(self._regions)

    def example_maps(self) -> list[Tensor]:
        """The head-mean maps (batch, queries, keys) of every block; none of volumes, which no page shows."""
        return self.mean_maps if len(self._grid.grid_size) == 2 else []

    def _measure(self, maps: Tensor, fields: dict[str, Tensor]) -> Values:
        values: Values = {}
        together = torch.stack(list(fields.values()), dim=1)
        sums, field_sums = self._sums(maps), self._sums(together, entropy=False)
        for (region, measure), of_maps, of_fields in zip(self._regions.items(), sums, field_sums, strict=True):
            values |= named(region, measure.of_sums(of_maps))
            for measured, row in measure.of_fields(together, of_fields).items():
                values |= {f"{region}/{name}/{measured}": row[:, index] for index, name in enumerate(fields)}
        return values


@dataclass(frozen=True)
class SequenceSubject:
    """A network with one sequence of blocks on one grid, to be profiled with all measures and rollouts."""

    model: nn.Module
    transformer: Transformer
    products: dict[int, HeadProducts] = field(default_factory=dict)
    """`head_products` of every block that has run: the weights do not change while a network is profiled."""

    @property
    def names(self) -> tuple[str, ...]:
        """The blocks' names."""
        return self.transformer.names

    @property
    def grid_size(self) -> tuple[int, ...]:
        """Tokens along each axis."""
        return self.transformer.grid.grid_size

    @property
    def about(self) -> dict[str, Any]:
        """What a profile says of networks that are no such sequence."""
        return {}

    def watch(self, batch: Batch, beside: Beside | None = None) -> Watcher:
        """Run the model on a batch and measure each of its blocks; `beside` is told what happens on the way.

        Raises:
            UserError: Not every block ran its attention where it can be seen.
        """
        watcher = Watcher(self.transformer, regions_of(batch, self.transformer.grid), self.products, beside)
        try:
            with observe_attention(self.transformer.blocks, watcher):
                if beside is not None:
                    run_blocks(self.model, self.transformer, batch.images, beside.states)
                    beside.ended()
                    return watcher
                self.model(batch.images)
        except AllBlocksSeenError:
            return watcher
        raise blocks_missing(len(watcher.mean_maps), len(self.transformer.blocks))


def blocks_missing(seen: int, expected: int) -> UserError:
    """The error of a pass in which not every block attended."""
    return UserError(
        "Every block must run its attention while it is profiled",
        f"{seen} of {expected} blocks seen",
        "Give a network whose blocks all run on every image.",
    )


def uniform_values(regions: Regions) -> Values:
    """Every measure of uniform attention: (batch,)."""
    values: Values = {}
    for region, measure in regions.items():
        tokens = measure.region.tokens
        maps = torch.full((len(tokens), 1, tokens.shape[1], tokens.shape[1]), 1 / tokens.shape[1], device=tokens.device)
        values |= {name: value[:, 0] for name, value in named(region, measure(maps)).items()}
    return values


def regions_of(batch: Batch, grid: TokenGrid) -> Regions:
    """The measures on foreground patches and on all patches of a batch."""
    patches, size, device = grid.patch_sizes, grid.grid_size, batch.images.device
    sides_mm = tuple(patch * side for patch, side in zip(patches, batch.spacing_mm, strict=True))
    pixels = token_distances(size, tuple(map(float, patches))).to(device, torch.float32)
    millimetres = token_distances(size, sides_mm).to(device, torch.float32)
    foreground = covering_tokens(foreground_of(batch), patches)
    every = Region.of(torch.ones_like(foreground[:1]), pixels, millimetres)  # the same on every slice
    regions = {"foreground": Region.of(foreground, pixels, millimetres), "all": every.repeated(len(foreground))}
    return {name: RegionMeasures(region) for name, region in regions.items()}


def foreground_of(batch: Batch) -> Bool[Tensor, "batch *size"]:
    """The pixels that count; none where the batch does not tell."""
    return torch.zeros_like(batch.images[:, 0], dtype=torch.bool) if batch.foreground is None else batch.foreground
