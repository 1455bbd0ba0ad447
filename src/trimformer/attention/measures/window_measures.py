"""The measures of one block with windows, stages or reduced keys, image by image and a few windows at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor
from torch.nn import functional as F

from trimformer.attention.calls.fused import Heads, part_of
from trimformer.attention.calls.head_axis import HeadAxis
from trimformer.attention.calls.token_places import TokenPlaces
from trimformer.attention.measures.geometry import MIN_TOKENS
from trimformer.attention.measures.token_set import Horizon, Tokens, distances, horizon_of, spread
from trimformer.attention.measures.window_sums import SEEN, SPATIAL, Piece, WindowRegion, WindowSums
from trimformer.records.profile import FIELD_MEASURES, MEASURES, REGIONS

ENTRIES_AT_ONCE = 2**22
"""Of the maps, so many are held at a time: 16 MB in float32."""

OfImage = dict[str, Tensor]
"""Measures of one image, (heads,), or a single number, by name."""

HorizonCache = dict[tuple[object, ...], Horizon]


@dataclass(frozen=True)
class WindowBlock:
    """One block's attention, the same for every image."""

    name: str
    num_heads: int
    places: TokenPlaces | None
    """None where it is not known where its tokens lie: then nothing spatial is measured."""
    queries: Tokens
    keys: Tokens
    square: bool
    """Whether keys are the queries."""
    key: int
    """The same for blocks whose tokens are the same, whatever their windows."""
    head_axis: HeadAxis | None = None
    """Where its heads stand, if not right in front of the tokens."""

    @property
    def num_windows(self) -> int:
        """Windows an image."""
        return len(self.queries.index)

    def regions(self, foreground: Bool[Tensor, " *size"]) -> dict[str, tuple[Tensor, ...]]:
        """The queries and keys of one image that count, as marked tokens; none where they are too few."""
        sides = (self.queries, self.keys)
        chosen = {"all": tuple(torch.ones_like(tokens.px[:, 0], dtype=torch.bool) for tokens in sides)}
        if self.places is not None:
            chosen["foreground"] = tuple(tokens.marked(foreground) for tokens in sides)
        enough = {name: min(int(marked.sum()) for marked in both) >= MIN_TOKENS for name, both in chosen.items()}
        return {name: chosen[name] for name in REGIONS if enough.get(name)}


class ImageMeasures:
    """What one block did on one image."""

    def __init__(self, block: WindowBlock, spacing_mm: tuple[float, ...]) -> None:
        self._block, self._spacing = block, spacing_mm

    def measure(self, heads: Heads, regions: dict[str, WindowRegion]) -> dict[str, OfImage]:
        """Every measure by region: of the heads, and of the head mean's field.

        Args:
            heads: Of one image, all its windows.
            regions: What counts of it.
        """
        sums = {name: WindowSums(region) for name, region in regions.items()}
        if sums:
            for piece in self._pieces(heads):
                for each in sums.values():
                    each.add(piece)
        return {name: self._values(heads, each) for name, each in sums.items()}

    def _values(self, heads: Heads, sums: WindowSums) -> OfImage:
        names = ("distance_px", "distance_mm", "distance_ratio", "far_field_ratio", "mixing", "entropy")
        values = {name: sums.mean(name) for name in names}
        values |= {"query_key_information": sums.query_key_information(), "sink_ratio": sums.sink_ratio()}
        share = sums.mean("far_query_share")
        field = {"far_field_ratio": values["far_field_ratio"][-1], "far_query_share": share[-1]}
        field["far_field_ratio_without_sinks"] = self._without_sinks(heads, sums)
        of_heads = {name: values[name][:-1] for name in MEASURES}
        if not self._block.square:
            of_heads["mixing"] = torch.full_like(of_heads["mixing"], torch.nan)
        if self._block.places is None:
            of_heads |= {name: torch.full_like(of_heads[name], torch.nan) for name in SPATIAL if name in of_heads}
            field = {name: torch.full_like(value, torch.nan) for name, value in field.items()}
        return of_heads | {f"per_block/{name}": field[name] for name in FIELD_MEASURES}

    def _without_sinks(self, heads: Heads, sums: WindowSums) -> Tensor:
        """The head mean's far-field ratio without its sinks, by a second look at the maps where there are any."""
        sinks = sums.sinks()
        if not sinks.any() or self._block.places is None:
            return sums.mean("far_field_ratio")[-1]
        region = sums.region
        uniform = self._share_without(sinks, region)
        in_slots = self._block.keys.in_slots(sinks, missing=False)
        for piece in self._pieces(heads):
            sums.add_without(piece, in_slots, uniform)
        return sums.mean("far_field_ratio_without_sinks")[0]

    def _share_without(self, sinks: Tensor, region: WindowRegion) -> Tensor:
        """The far share of uniform attention to the keys that are left, for each query in its slot."""
        sink_px = self._block.keys.px[sinks]
        counted = sink_px[spread(len(sink_px))]
        lost = []
        slots = self._block.queries.index
        median = region.horizon.median_mm
        per_token = median.new_full((len(self._block.queries.px),), torch.nan)
        per_token[slots[slots >= 0]] = median[slots >= 0]
        for px, middle in zip(self._block.queries.px.split(512), per_token.split(512), strict=True):
            mm = distances(px, counted, self._spacing)
            both = torch.stack([mm > middle[:, None], mm > 0]).sum(dim=-1)
            lost.append(both * (len(sink_px) / len(counted)))
        far, others = (
            self._block.queries.in_slots(each, torch.nan) for each in torch.cat(lost, dim=1).to(median.dtype)
        )
        horizon = region.horizon
        return (horizon.far_share * horizon.num_others - far) / (horizon.num_others - others)

    def _pieces(self, heads: Heads) -> Iterator[Piece]:
        num_windows, num_heads, num_queries, _ = heads.query.shape
        num_keys = heads.value.shape[2]
        per_query = num_heads * num_keys
        windows_at_once = max(1, ENTRIES_AT_ONCE // (per_query * num_queries))
        queries_at_once = max(1, ENTRIES_AT_ONCE // per_query) if windows_at_once == 1 else num_queries
        for start in range(0, num_windows, windows_at_once):
            for first in range(0, num_queries, queries_at_once):
                windows, queries = slice(start, start + windows_at_once), slice(first, first + queries_at_once)
                maps = F.threshold(part_of(heads, windows, queries).maps(), SEEN, 0.0)  # a mask of -100 leaves a trace
                maps = torch.cat([maps, maps.mean(dim=1, keepdim=True)], dim=1)
                yield Piece(windows, queries, maps, *self._distances(windows, queries))

    def _distances(self, windows: slice, queries: slice) -> tuple[Tensor, Tensor, Tensor]:
        """In pixels and mm, and which key is the query itself."""
        rows, columns = self._block.queries.index[windows, queries], self._block.keys.index[windows]
        query_px, key_px = self._block.queries.px[rows], self._block.keys.px[columns]  # of padding: any, not counted
        px, mm = distances(query_px, key_px), distances(query_px, key_px, self._spacing)
        return px, mm, mm == 0


def region_of(
    block: WindowBlock, marked: tuple[Tensor, ...], spacing_mm: tuple[float, ...], cache: HorizonCache, name: object
) -> WindowRegion:
    """The queries and keys that count, in the slots of windows; blocks with the same tokens share the geometry.

    Args:
        block: The block.
        marked: Its queries and keys that count.
        spacing_mm: Sides of a pixel.
        cache: Geometry that was found before.
        name: Of the region and the image; the same name, the same tokens marked.
    """
    key = (block.key, name, spacing_mm)
    if key not in cache:
        cache[key] = horizon_of(block.queries, block.keys, spacing_mm, marked)
    horizon = {name: block.queries.in_slots(value, torch.nan) for name, value in vars(cache[key]).items()}
    queries, keys = (
        tokens.in_slots(each, missing=False) for tokens, each in zip((block.queries, block.keys), marked, strict=True)
    )
    return WindowRegion(queries, keys, Horizon(**horizon), block.keys)
