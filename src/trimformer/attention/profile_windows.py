"""Networks with windows, stages or reduced keys, profiled block by block: every measure but the rollouts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from trimformer.attention.calls.follow import Event, follow
from trimformer.attention.calls.fused import Heads, part_of
from trimformer.attention.calls.positions import PositionTracer
from trimformer.attention.calls.token_places import TokenPlaces, traced_places
from trimformer.attention.measures.region_measures import Values
from trimformer.attention.measures.regions import foreground_of
from trimformer.attention.measures.token_set import Tokens
from trimformer.attention.measures.window_measures import (
    HorizonCache,
    ImageMeasures,
    OfImage,
    WindowBlock,
    region_of,
)
from trimformer.attention.measures.window_sums import SPATIAL, WindowRegion
from trimformer.attention.recording.staged import name_attentions
from trimformer.attention.transformer.observe import full_precision
from trimformer.attention.watch import AllBlocksSeenError, blocks_missing
from trimformer.data.batch import Batch
from trimformer.records.errors import UserError
from trimformer.records.profile import FIELD_MEASURES, MEASURES, REGIONS


def staged_subject(model: nn.Module, images: Tensor, why: UserError) -> "StagedSubject":
    """The blocks of a network that is no plain sequence, found by looking at how it treats an image or two.

    Args:
        model: A network in evaluation mode.
        images: (batch, channels, *size).
        why: Why it is no plain sequence.

    Raises:
        UserError: No attention runs, or a module attends several times.
    """
    events: list[Event] = []
    found: list[TokenPlaces | None] = []
    look = images[:2]  # of two images it is seen whether windows stand image by image

    def tell(event: Event, _: Heads | None) -> None:
        if event.kind == "attention":
            found.append(event.ends and traced_places(*event.ends, batch=len(look)))
        events.append(replace(event, ends=None))

    with follow(model, tell, lambda: None, PositionTracer()):
        model(look)
    if not found:
        raise why
    attentions = [event for event in events if event.kind == "attention"]
    blocks: list[WindowBlock] = []
    for name, event, places in zip(name_attentions(model, events), attentions, found, strict=True):
        blocks.append(_block(name, event, places, len(look), images.device, blocks))
    return StagedSubject(model, tuple(blocks), f"{why.rule}; found {why.found}", {})


def _block(
    name: str,
    event: Event,
    places: TokenPlaces | None,
    batch: int,
    device: torch.device,
    before: Sequence[WindowBlock],
) -> WindowBlock:
    (rows, num_heads, num_queries, _), (_, _, num_keys, _) = event.shapes
    if rows % batch:
        raise UserError(
            "A block's attention runs as often for every image",
            f"{rows} times for {batch} images in {name}",
            "Give a network that treats every image alike.",
        )
    if places is None:  # places that nobody will look at, other than to tell tokens apart
        nowhere = [torch.arange(float(rows // batch * size)).view(-1, size, 1) for size in (num_queries, num_keys)]
        queries, keys = (Tokens.of(each.to(device)) for each in nowhere)
        square = num_queries == num_keys
    else:
        queries, keys = Tokens.of(places.query_px.to(device)), Tokens.of(places.key_px.to(device))
        square = queries.px.shape == keys.px.shape and bool((queries.px == keys.px).all())
    alike = (block.key for block in before if _same(block.queries, queries) and _same(block.keys, keys))
    return WindowBlock(name, num_heads, places, queries, keys, square, next(alike, len(before)), event.head_axis)


def _same(tokens: Tokens, others: Tokens) -> bool:
    return tokens.px.shape == others.px.shape and bool((tokens.px == others.px).all())


@dataclass(frozen=True)
class StagedSubject:
    """A network to be profiled block by block."""

    model: nn.Module
    blocks: tuple[WindowBlock, ...]
    no_rollout: str
    geometry: HorizonCache
    """What was found of all tokens of a block, the same for every image."""

    @property
    def names(self) -> tuple[str, ...]:
        """The blocks' names."""
        return tuple(block.name for block in self.blocks)

    @property
    def grid_size(self) -> tuple[int, ...]:
        """Tokens along each axis in the first block whose tokens' places are known."""
        return next((block.places.grid_size for block in self.blocks if block.places), ())

    @property
    def about(self) -> dict[str, Any]:
        """What a profile says beside the measures."""
        return {
            "block_heads": tuple(block.num_heads for block in self.blocks),
            "block_grids": tuple(block.places.grid_size if block.places else () for block in self.blocks),
            "no_rollout": self.no_rollout,
        }

    def on(self, model: nn.Module) -> "StagedSubject":
        """The same for a copy of the model with other weights."""
        return replace(self, model=model)

    def watch(self, batch: Batch) -> "StagedWatcher":
        """Run the model on a batch and measure each of its blocks; what comes after the last one is not run.

        Raises:
            UserError: Not every block ran its attention, or ran it on tokens other than in the first look.
        """
        watcher = StagedWatcher(self.blocks, batch, self.geometry)
        try:
            with follow(self.model, watcher.tell, lambda: None):
                self.model(batch.images)
        except AllBlocksSeenError:
            return watcher
        raise blocks_missing(watcher.num_seen, len(self.blocks))


class StagedWatcher:
    """Measures every block of one forward pass, image by image."""

    def __init__(self, blocks: Sequence[WindowBlock], batch: Batch, lasting: HorizonCache) -> None:
        self.num_heads = max(block.num_heads for block in blocks)
        self._blocks, self._batch, self._foreground = blocks, batch, foreground_of(batch)
        self._lasting, self._passing = lasting, HorizonCache()
        self._values: list[Values] = []
        self._uniform: list[Values] = []
        self._weights: list[dict[str, Tensor]] = []

    @property
    def num_seen(self) -> int:
        """Blocks that have run."""
        return len(self._values)

    @torch.no_grad()
    def tell(self, _: Event, heads: Heads | None) -> None:
        """Measure one block; after the last one the forward pass is ended."""
        if heads is None:
            return
        block = self._blocks[self.num_seen]
        heads = heads if block.head_axis is None else block.head_axis.of(heads)
        self._check(block, heads)
        with full_precision(heads.query):
            images = [self._image(block, index, heads) for index in range(len(self._batch.images))]
        values, uniform, weights = zip(*images, strict=True)
        self._values.append(_stacked(values, block.num_heads))
        self._uniform.append(_stacked(uniform, None))
        self._weights.append({region: torch.stack([each[region] for each in weights]) for region in REGIONS})
        if self.num_seen == len(self._blocks):
            raise AllBlocksSeenError

    def values(self) -> Values:
        """Every measure as (batch, blocks, heads), NaN for heads that a block has not; the field's (batch, blocks)."""
        padded = [
            {name: _padded(value, self.num_heads) if value.ndim == 2 else value for name, value in block.items()}
            for block in self._values
        ]
        return {name: torch.stack([block[name] for block in padded], dim=1) for name in padded[0]}

    def weights(self) -> dict[str, Tensor]:
        """How much each image counts in each region: its queries there, (batch, blocks)."""
        return {region: torch.stack([block[region] for block in self._weights], dim=1) for region in REGIONS}

    def uniform(self) -> Values:
        """Every measure of uniform attention to all keys of the image: (batch, blocks)."""
        return {name: torch.stack([block[name] for block in self._uniform], dim=1) for name in self._uniform[0]}

    def example_maps(self) -> list[Tensor]:
        """None: maps of windows are no picture of the image."""
        return []

    def _image(self, block: WindowBlock, index: int, heads: Heads) -> tuple[OfImage, OfImage, dict[str, Tensor]]:
        count = block.num_windows
        regions = {
            name: self._region(block, name, index, marked)
            for name, marked in block.regions(self._foreground[index]).items()
        }
        measures = ImageMeasures(block, self._batch.spacing_mm)
        found = measures.measure(part_of(heads, slice(index * count, (index + 1) * count)), regions)
        values = _by_region(found)
        uniform = _by_region({name: _uniform(block, region) for name, region in regions.items()})
        device = self._batch.images.device
        weights = {
            name: regions[name].queries.sum() if name in regions else torch.zeros((), device=device) for name in REGIONS
        }
        return values, uniform, {name: weight.float() for name, weight in weights.items()}

    def _region(self, block: WindowBlock, name: str, index: int, marked: tuple[Tensor, ...]) -> WindowRegion:
        cache, called = (self._lasting, name) if name == "all" else (self._passing, (name, index))
        return region_of(block, marked, self._batch.spacing_mm, cache, called)

    def _check(self, block: WindowBlock, heads: Heads) -> None:
        expected = (len(self._batch.images) * block.num_windows, block.num_heads, block.queries.index.shape[1])
        if heads.query.shape[:3] != expected or heads.value.shape[2] != block.keys.index.shape[1]:
            raise UserError(
                "Images of one profile have one size, and every block sees as many tokens each time",
                f"(batch, heads, queries) {tuple(heads.query.shape[:3])} in {block.name}, expected {expected}",
                "Profile images of another size by themselves.",
            )


def _by_region(values: Mapping[str, OfImage]) -> OfImage:
    return {f"{region}/{name}": value for region, each in values.items() for name, value in each.items()}


def _uniform(block: WindowBlock, region: WindowRegion) -> OfImage:
    """Every measure of attention spread evenly over all keys of the region, in all windows."""
    nan, horizon = torch.full((), torch.nan, device=region.queries.device), region.horizon
    one = torch.ones_like(nan)
    own = 1 / region.keys.sum() if block.square else nan
    values = {
        "distance_px": horizon.distance_px.nanmean(),
        "distance_mm": horizon.distance_mm.nanmean(),
        **dict.fromkeys(("distance_ratio", "far_field_ratio", "entropy", "sink_ratio"), one),
        "mixing": 1 - own,
        "query_key_information": torch.zeros_like(nan),
    }
    return values | ({name: nan for name in SPATIAL if name in values} if block.places is None else {})


def _shapes(num_heads: int | None) -> dict[str, tuple[int, ...]]:
    """Of all that one block gives of one image; of uniform attention, which has neither heads nor field, no heads."""
    shape: tuple[int, ...] = () if num_heads is None else (num_heads,)
    shapes = {f"{region}/{name}": shape for region in REGIONS for name in MEASURES}
    if num_heads is not None:
        shapes |= {f"{region}/per_block/{name}": () for region in REGIONS for name in FIELD_MEASURES}
    return shapes


def _stacked(images: Sequence[OfImage], num_heads: int | None) -> Values:
    """The values of several images along the first axis; NaN for a region that an image has not."""
    device = next((value.device for image in images for value in image.values()), None)
    return {
        key: torch.stack([image.get(key, torch.full(shape, torch.nan, device=device)).float() for image in images])
        for key, shape in _shapes(num_heads).items()
    }


def _padded(values: Tensor, num_heads: int) -> Tensor:
    return torch.nn.functional.pad(values, (0, num_heads - values.shape[-1]), value=torch.nan)
