"""Measures of attention maps, per slice and head, on a region's queries and keys.

All that is linear in the attention (masses, distances) is one matrix product for every measure at once; only the
entropy needs a second pass over the maps. So measuring costs little more than the maps themselves.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from trimformer.attention.geometry import Region

Values = dict[str, Float[Tensor, "batch *heads"]]

FAR_QUERY = 0.25
"""A query looks far when its own far-field ratio is at least this."""

ROUNDING = 1e-5
"""An entropy below this many nats is rounding: all attention goes to one key."""

SINK = 5.0
"""A key is a sink when its column sum is more than so many times the median column."""


class RegionMeasures:
    """The measures of science.md on one batch's region; the weights of its linear sums are made once."""

    def __init__(self, region: Region) -> None:
        others = region.others.to(region.distance_mm.dtype)
        weights = (others, others * region.distance_px, others * region.distance_mm, region.far.to(others.dtype))
        self.region = region
        self._weights = torch.stack(weights, dim=-1)  # batch, queries, keys, 4
        self._counts = self._weights.sum(dim=2)  # batch, queries, 4

    def __call__(self, maps: Float[Tensor, "batch heads queries keys"], plogp: Tensor | None = None) -> Values:
        """Every measure of `records.profile.MEASURES`; NaN where a slice has no token in the region.

        Where several regions are measured on the same maps, `plogp`, the maps times their logarithm, is made once.

        Sources: mean attention distance, Dosovitskiy et al. 2021 (appendix D.7); query-key information (normalised
        mutual information of queries and keys), Park et al. 2023 (equation 2); the rest as in the documentation.
        """
        others, distance_px, distance_mm, far = self._sums(maps)
        diagonal = maps.diagonal(dim1=-2, dim2=-1)
        mass = others + diagonal
        uniform_distance = self._counts[:, None, :, 2] / self.region.num_tokens[:, None, None]
        mean = self.region.mean_over_queries
        entropy = self._entropy(torch.xlogy(maps, maps) if plogp is None else plogp, mass)
        columns = self._mean_row(maps, mass)
        return {
            "distance_px": mean(distance_px / mass),
            "distance_mm": mean(distance_mm / mass),
            "distance_ratio": mean(distance_mm / mass / uniform_distance),
            "far_field_ratio": mean(self._far_ratio(far, others)),
            "mixing": 1 - mean(diagonal / mass),
            "entropy": mean(entropy) / self.region.num_tokens.log()[:, None],
            "query_key_information": self._information(columns, mean(entropy)),
            "sink_ratio": columns.amax(dim=-1) / _median(columns, self.region.tokens[:, None, :]),
        }

    def field(self, field: Float[Tensor, "batch queries keys"]) -> Values:
        """`records.profile.FIELD_MEASURES` of a receptive field: a row-stochastic matrix over all tokens."""
        maps = field[:, None]
        others, _, _, far = self._sums(maps)
        ratio = self._far_ratio(far, others)
        sinks = self._sinks(self._mean_row(maps, others + maps.diagonal(dim1=-2, dim2=-1))[:, 0])
        without_sinks = self._far_ratio_without(sinks, field) if sinks.any() else ratio[:, 0]
        mean = self.region.mean_over_queries
        return {
            "far_field_ratio": mean(ratio)[:, 0],
            "far_query_share": mean((ratio >= FAR_QUERY).to(ratio.dtype))[:, 0],
            "far_field_ratio_without_sinks": mean(without_sinks),
        }

    def _sums(self, maps: Tensor) -> tuple[Tensor, ...]:
        """Mass on the region's other keys, its distances in px and mm, its far part: each (batch, heads, queries)."""
        sums = maps.transpose(1, 2) @ self._weights  # batch, queries, heads, 4
        return tuple(sums.transpose(1, 2).unbind(dim=-1))

    def _far_ratio(self, far: Tensor, others: Tensor) -> Tensor:
        """Far share of the mass on other tokens, over the same share of uniform attention; 0 without such mass."""
        uniform = self._counts[..., 3] / self._counts[..., 0]
        return torch.where(others > 0, far / others, 0) / uniform[:, None, :]

    def _far_ratio_without(self, removed: Tensor, field: Tensor) -> Tensor:
        """The far-field ratio of every query when some keys are taken away: (batch, queries)."""
        others = self.region.others & ~removed[:, None, :]
        far = self.region.far & others
        attended = (field * far).sum(dim=-1) / (field * others).sum(dim=-1)
        return attended / (far.sum(dim=-1) / others.sum(dim=-1))

    def _entropy(self, plogp: Tensor, mass: Tensor) -> Tensor:
        """Entropy of each row on the region's keys, renormalised, in nats: (batch, heads, queries)."""
        keys = self.region.tokens.to(plogp.dtype)[:, None, :, None]
        return mass.log() - (plogp @ keys)[..., 0] / mass

    def _mean_row(self, maps: Tensor, mass: Tensor) -> Tensor:
        """The mean over the region's queries of their renormalised rows: (batch, heads, keys)."""
        queries = torch.where(self.region.tokens[:, None, :], 1 / mass, 0) / self.region.num_tokens[:, None, None]
        return (queries[..., None, :] @ maps)[..., 0, :] * self.region.tokens[:, None, :]

    def _information(self, columns: Tensor, row_entropy: Tensor) -> Tensor:
        """[H(mean row) - mean H(row)] / sqrt(log N * H(mean row)); 0 where all attention is one sink."""
        entropy_of_mean = -torch.xlogy(columns, columns).sum(dim=-1)
        scale = (self.region.num_tokens.log()[:, None] * entropy_of_mean).sqrt()
        return torch.where(entropy_of_mean < ROUNDING, 0, (entropy_of_mean - row_entropy).clamp(min=0) / scale)

    def _sinks(self, columns: Tensor) -> Tensor:
        return columns > SINK * _median(columns, self.region.tokens)[:, None]


def _median(columns: Tensor, tokens: Tensor) -> Tensor:
    return columns.where(tokens, torch.nan).nanquantile(0.5, dim=-1)


def named(prefix: str, values: Mapping[str, Tensor]) -> Values:
    """The same values with `prefix/` before every name."""
    return {f"{prefix}/{name}": value for name, value in values.items()}
