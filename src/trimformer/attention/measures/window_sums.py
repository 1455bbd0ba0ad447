"""Sums over the windows of one image, a few windows at a time, from which the measures of one region follow."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from trimformer.attention.measures.region_measures import FAR_QUERY, ROUNDING, SINK
from trimformer.attention.measures.token_set import Horizon, Tokens

SEEN = 1e-30
"""A key that gets less than this of a query's attention is one that the block's mask forbids."""

SPATIAL = ("distance_px", "distance_mm", "distance_ratio", "far_field_ratio", "far_query_share")
"""Measures that need to know where tokens lie."""


@dataclass(frozen=True)
class WindowRegion:
    """The queries and keys of one image that count, in the slots of its windows."""

    queries: Bool[Tensor, "windows queries"]
    keys: Bool[Tensor, "windows keys"]
    horizon: Horizon
    """Of each query, in its slot: fields are (windows, queries)."""
    key_tokens: Tokens


@dataclass(frozen=True)
class Piece:
    """Some windows, and some of their queries, of one image; the head mean stands behind the heads."""

    windows: slice
    queries: slice
    maps: Float[Tensor, "windows heads queries keys"]
    distance_px: Float[Tensor, "windows queries keys"]
    distance_mm: Float[Tensor, "windows queries keys"]
    own: Bool[Tensor, "windows queries keys"]
    """Where a key is the query itself."""


class WindowSums:
    """Grows piece by piece; holds numbers a head and columns a key, never a map."""

    def __init__(self, region: WindowRegion) -> None:
        self.region = region
        self._totals: dict[str, Tensor] = {}
        self._counts: dict[str, Tensor] = {}
        self._columns: list[tuple[slice, Tensor, Tensor, Tensor]] = []

    def add(self, piece: Piece) -> None:
        """Add what the region holds of some windows; rows count by what they hold, renormalised."""
        maps, region = piece.maps, self.region
        keys = region.keys[piece.windows][:, None, :]
        horizon = {name: value[piece.windows, piece.queries] for name, value in vars(region.horizon).items()}
        others = keys & ~piece.own
        far = others & (piece.distance_mm > horizon["median_mm"][..., None])
        linear = _weighted(
            maps, [keys.expand_as(others), others, others * piece.distance_px, others * piece.distance_mm, far]
        )
        mass, of_others, px, mm, of_far = linear.unbind(dim=-1)  # windows, queries, heads
        counted = region.queries[piece.windows, piece.queries][..., None] & (mass > 0)
        entropy = mass.log() - _weighted(_times_log(maps), [keys.expand_as(others)])[..., 0] / mass
        seen = ((maps[:, -1] > 0) & keys).sum(dim=-1, keepdim=True)
        ratio = torch.where(of_others > 0, of_far / of_others, 0) / horizon["far_share"][..., None]
        values = {
            "distance_px": px / mass,
            "distance_mm": mm / mass,
            "distance_ratio": mm / mass / horizon["distance_mm"][..., None],
            "far_field_ratio": ratio,
            "far_query_share": torch.where(ratio.isnan(), ratio, (ratio >= FAR_QUERY).to(ratio.dtype)),
            "mixing": of_others / mass,
            "entropy": torch.where(seen > 1, entropy / seen.log(), torch.nan),
        }
        for name, value in values.items():
            self._add(name, value.where(counted, torch.nan))
        rows = torch.where(counted, 1 / mass, 0)
        columns = (rows.permute(0, 2, 1)[:, :, None] @ maps)[:, :, 0] * keys
        entropies = entropy.where(counted, 0).sum(dim=1)
        self._columns.append((piece.windows, columns, entropies, counted.sum(dim=1)))

    def add_without(
        self, piece: Piece, sinks: Bool[Tensor, "windows keys"], uniform: Float[Tensor, "windows queries"]
    ) -> None:
        """Add the head mean's far-field ratio when some keys are taken away; `uniform` is then the far share."""
        region = self.region
        others = (region.keys & ~sinks)[piece.windows][:, None, :] & ~piece.own
        far = others & (piece.distance_mm > region.horizon.median_mm[piece.windows, piece.queries][..., None])
        linear = _weighted(piece.maps[:, -1:], [others, far])[:, :, 0]
        ratio = linear[..., 1] / linear[..., 0] / uniform[piece.windows, piece.queries]
        counted = region.queries[piece.windows, piece.queries]
        self._add("far_field_ratio_without_sinks", ratio.where(counted, torch.nan)[..., None])

    def mean(self, name: str) -> Float[Tensor, " heads"]:
        """The mean over queries that have a value, of each head and, last, of the head mean."""
        return self._totals[name] / self._counts[name]

    def query_key_information(self) -> Float[Tensor, " heads"]:
        """Of the queries and keys of each window (Park et al. 2023, equation 2), windows counted by their queries."""
        columns, entropies, counts = self._of_windows()
        row = columns / counts[..., None]
        of_mean = -torch.xlogy(row, row).sum(dim=-1)
        scale = (counts.log() * of_mean).sqrt()
        information = (of_mean - entropies / counts).clamp(min=0) / scale
        information = torch.where(of_mean < ROUNDING, 0, information)
        counted = counts > 1
        return (information.where(counted, 0) * counts.where(counted, 0)).sum(dim=0) / counts.where(counted, 0).sum(
            dim=0
        )

    def columns(self) -> Float[Tensor, "heads keys"]:
        """What each key is given, summed over queries: (heads, tokens), NaN outside the region."""
        of_slots = self._of_windows()[0].transpose(0, 1).flatten(1)  # heads, slots
        index = self.region.key_tokens.index.flatten()
        sums = of_slots.new_zeros(len(of_slots), len(self.region.key_tokens.px))
        sums.index_add_(1, index[index >= 0], of_slots[:, index >= 0])
        in_region = torch.zeros(sums.shape[1], dtype=torch.bool, device=sums.device)
        in_region[index[self.region.keys.flatten() & (index >= 0)]] = True
        return sums.where(in_region, torch.nan)

    def sink_ratio(self) -> Float[Tensor, " heads"]:
        """The largest column over the median column."""
        columns = self.columns()
        return columns.nan_to_num(nan=-torch.inf).amax(dim=-1) / columns.nanquantile(0.5, dim=-1)

    def sinks(self) -> Bool[Tensor, " keys"]:
        """The keys that get over `SINK` times the median column of the head mean."""
        columns = self.columns()[-1]
        return columns > SINK * columns.nanquantile(0.5)

    def _of_windows(self) -> tuple[Tensor, Tensor, Tensor]:
        """Columns (windows, heads, keys), row entropies and counted queries (windows, heads)."""
        _, first, _, _ = self._columns[0]
        num_windows = len(self.region.keys)
        columns = first.new_zeros(num_windows, *first.shape[1:])
        entropies, counts = (first.new_zeros(num_windows, first.shape[1]) for _ in range(2))
        for windows, *parts in self._columns:
            for total, part in zip((columns, entropies, counts), parts, strict=True):
                total[windows] += part
        return columns, entropies, counts

    def _add(self, name: str, values: Float[Tensor, "windows queries heads"]) -> None:
        total, count = values.nansum(dim=(0, 1), dtype=torch.float64), (~values.isnan()).sum(dim=(0, 1))
        self._totals[name] = self._totals.get(name, 0) + total
        self._counts[name] = self._counts.get(name, 0) + count


def _weighted(maps: Tensor, weights: list[Tensor]) -> Float[Tensor, "windows queries heads sums"]:
    """Each map's rows times several weights of its keys."""
    stacked = torch.stack([weight.to(maps.dtype) for weight in weights], dim=-1)
    return maps.transpose(1, 2) @ stacked


def _times_log(maps: Tensor) -> Tensor:
    """A log a, 0 where a is 0."""
    return maps.clamp_min(torch.finfo(maps.dtype).tiny).log_().mul_(maps)
