"""One batch through a sequence of blocks, measured block by block while it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from trimformer.attention.beside import Beside, BesideOf
from trimformer.attention.calls.fused import part_of
from trimformer.attention.measures.region_measures import Values, named
from trimformer.attention.measures.region_sums import Parts, RegionSums, joined
from trimformer.attention.measures.regions import Regions, regions_of
from trimformer.attention.measures.rollout import Added, HeadProducts, half_identity, head_products
from trimformer.attention.transformer.blocks import Transformer
from trimformer.attention.transformer.observe import AttentionCall, observe_attention
from trimformer.attention.transformer.states import run_blocks
from trimformer.data.batch import Batch
from trimformer.records.errors import UserError


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
        self._parts: list[list[Parts]] = []
        self._fields: list[Values] = []
        measures = regions.values()
        self._sums = RegionSums([each.region for each in measures], [each.weights for each in measures])

    def __call__(self, call: AttentionCall) -> None:
        """Measure one block; after the last one the forward pass is ended, unless its states are wanted as well.

        The images come one after the other, so that their maps are read from the processor's cache and not from memory.
        """
        if call.index not in self._products:
            self._products[call.index] = head_products(call)
        added = Added.of(call, self._products[call.index])
        self._parts.append([])
        means, weighted = zip(*(self._image(call, added, image) for image in range(len(call.query))), strict=True)
        self._roll_out({"norm_weighted": torch.stack(weighted), "half_residual": half_identity(torch.stack(means))})
        self.mean_maps.append(self._grid.of_patches(torch.stack(means)))
        self._measure_fields()
        if self._beside is None and call.index == self._num_blocks - 1:
            raise AllBlocksSeenError

    def values(self) -> Values:
        """Every measure as (batch, blocks, heads), every field's as (batch, blocks)."""
        values = {name: torch.stack([block[name] for block in self._fields], dim=1) for name in self._fields[0]}
        sums = self._sums.of_parts(joined(self._parts))  # all blocks at once: there are many small steps
        for (region, measure), of_region in zip(self._regions.items(), sums, strict=True):
            measured = named(region, measure.of_sums(of_region))
            values |= {name: value.unflatten(1, (-1, self.num_heads)) for name, value in measured.items()}
        return values

    def weights(self) -> dict[str, Tensor]:
        """How much each slice counts in each region: its queries there, (batch,)."""
        return {name: measure.region.num_tokens for name, measure in self._regions.items()}

    def uniform(self) -> Values:
        """Every measure of uniform attention on the same slices: (batch,)."""
        uniform = (named(region, measure.uniform()) for region, measure in self._regions.items())
        return {name: value for values in uniform for name, value in values.items()}

    def example_maps(self) -> list[Tensor]:
        """The head-mean maps (batch, queries, keys) of every block; none of volumes, which no page shows."""
        return self.mean_maps if len(self._grid.grid_size) == 2 else []

    def _image(self, call: AttentionCall, added: Added, image: int) -> tuple[Tensor, Tensor]:
        """Take what is wanted of one image's maps; return their mean over the heads and their `norm_weighted` step."""
        maps = part_of(call, slice(image, image + 1)).maps()
        self.num_heads = maps.shape[1]
        prefix = self._grid.num_prefix_tokens  # measures renormalise rows by themselves
        self._parts[-1].append(self._sums.parts(maps[..., prefix:, prefix:], slice(image, image + 1)))
        if self._beside is not None:
            self._beside.attention(image, maps[0])
        return maps[0].mean(dim=0), added.step(image, maps[0])

    def _roll_out(self, steps: Mapping[str, Tensor]) -> None:
        for name, step in steps.items():
            self._rollouts[name] = step @ self._rollouts[name] if name in self._rollouts else step

    def _measure_fields(self) -> None:
        fields = {name: self._grid.of_patches(rollout) for name, rollout in self._rollouts.items()}
        fields["per_block"] = self.mean_maps[-1]
        together = torch.stack(list(fields.values()), dim=1)
        values: Values = {}
        sums = self._sums(together, entropy=False)
        for (region, measure), of_region in zip(self._regions.items(), sums, strict=True):
            for measured, row in measure.of_fields(together, of_region).items():
                values |= {f"{region}/{name}/{measured}": row[:, index] for index, name in enumerate(fields)}
        self._fields.append(values)


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

    def on(self, model: nn.Module) -> "SequenceSubject":
        """The same for a deep copy of the model, with other weights."""
        return SequenceSubject(model, self.transformer.in_copy(self.model, model))

    def watch(self, batch: Batch, beside_of: BesideOf | None = None) -> Watcher:
        """Run the model on a batch and measure each of its blocks; `beside_of` names who is told on the way.

        Raises:
            UserError: Not every block ran its attention where it can be seen.
        """
        regions = regions_of(batch, self.transformer.grid)
        beside = None if beside_of is None else beside_of(batch, self.transformer, regions)
        watcher = Watcher(self.transformer, regions, self.products, beside)
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
