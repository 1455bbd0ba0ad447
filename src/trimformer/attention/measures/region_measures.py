"""Measures of attention maps, per slice and head, on a region's queries and keys."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from trimformer.attention.measures.geometry import Region
from trimformer.attention.measures.region_sums import RegionSums, Sums, region_weights

Values = dict[str, Float[Tensor, "batch *heads"]]

FAR_QUERY = 0.25
"""A query looks far when its own far-field ratio is at least this."""

ROUNDING = 1e-5
"""An entropy below this many nats is rounding: all attention goes to one key."""

SINK = 5.0
"""A key is a sink when its column sum is more than so many times the median column."""


class RegionMeasures:
    """The measures of science.md on one batch's region."""

    def __init__(self, region: Region, weights: Tensor | None = None) -> None:
        """Make ready for the region, of which `region_weights` may be at hand."""
        self.region = region
        self.weights = region_weights(region) if weights is None else weights
        self._counts = self.weights.sum(dim=-1)  # batch, queries, 4: the sums of a map of ones

    def __call__(self, maps: Float[Tensor, "batch heads queries keys"]) -> Values:
        """Every measure of `records.profile.MEASURES`; NaN where a slice has no token in the region.

        Where several regions or fields are measured, `of_sums` and `of_field` share the passes over the maps.
        """
        (sums,) = RegionSums([self.region], [self.weights])(maps)
        return self.of_sums(sums)

    def uniform(self) -> Values:
        """Every measure of uniform attention, (batch,): of a map of ones, whose sums are known."""
        tokens, counts = self.region.tokens[:, None], self._counts[:, None]
        one, (others, px, mm, far) = torch.ones_like(counts[..., 0]), counts.unbind(dim=-1)
        even = tokens / self.region.num_tokens[:, None, None]
        values = self.of_sums(Sums(others, px, mm, far, others + one, one, torch.zeros_like(one), even))
        return {name: value[:, 0] for name, value in values.items()}

    def repeated(self, batch: int) -> "RegionMeasures":
        """Those of one slice for each of several that are alike."""
        return RegionMeasures(self.region.repeated(batch), self.weights.expand(batch, -1, -1, -1))

    def field(self, field: Float[Tensor, "batch queries keys"]) -> Values:
        """`records.profile.FIELD_MEASURES` of a receptive field: a row-stochastic matrix over all tokens."""
        (sums,) = RegionSums([self.region], [self.weights])(field[:, None], entropy=False)
        return {name: value[:, 0] for name, value in self.of_fields(field[:, None], sums).items()}

    def of_sums(self, sums: Sums) -> Values:
        """Every measure, (batch, heads), from what the region holds of the maps.

        Sources: mean attention distance, Dosovitskiy et al. 2021 (appendix D.7); query-key information (normalised
        mutual information of queries and keys), Park et al. 2023 (equation 2); the rest as in the documentation.
        """
        uniform_distance = self._counts[:, None, :, 2] / self.region.num_tokens[:, None, None]
        mean = self.region.mean_over_queries
        distance_mm = sums.distance_mm / sums.mass
        entropy = mean(sums.mass.log() - sums.plogp / sums.mass)  # of the renormalised rows, in nats
        return {
            "distance_px": mean(sums.distance_px / sums.mass),
            "distance_mm": mean(distance_mm),
            "distance_ratio": mean(distance_mm / uniform_distance),
            "far_field_ratio": mean(self._far_ratio(sums.far, sums.others)),
            "mixing": 1 - mean(sums.diagonal / sums.mass),
            "entropy": entropy / self.region.num_tokens.log()[:, None],
            "query_key_information": self._information(sums.mean_row, entropy),
            "sink_ratio": sums.mean_row.amax(dim=-1) / self._median(sums.mean_row),
        }

    def of_fields(self, fields: Float[Tensor, "batch fields queries keys"], sums: Sums) -> Values:
        """Every measure of several fields, (batch, fields), from what the region holds of them."""
        ratio = self._far_ratio(sums.far, sums.others)
        sinks = sums.mean_row > SINK * self._median(sums.mean_row)[..., None]
        without_sinks = ratio
        if sinks.any():
            removed = self._far_ratio_without(sinks, fields)
            without_sinks = torch.where(sinks.any(dim=-1, keepdim=True), removed, ratio)
        mean = self.region.mean_over_queries
        return {
            "far_field_ratio": mean(ratio),
            "far_query_share": mean((ratio >= FAR_QUERY).to(ratio.dtype)),
            "far_field_ratio_without_sinks": mean(without_sinks),
        }

    def _far_ratio(self, far: Tensor, others: Tensor) -> Tensor:
        """Far share of the mass on other tokens, over the same share of uniform attention; 0 without such mass."""
        uniform = self._counts[..., 3] / self._counts[..., 0]
        return torch.where(others > 0, far / others, 0) / uniform[:, None, :]

    def _far_ratio_without(self, removed: Tensor, fields: Tensor) -> Tensor:
        """The far-field ratio of every query when some keys are taken away: (batch, fields, queries)."""
        others = self.region.others[:, None] & ~removed[:, :, None, :]
        far = self.region.far[:, None] & others
        attended = (fields * far).sum(dim=-1) / (fields * others).sum(dim=-1)
        return attended / (far.sum(dim=-1) / others.sum(dim=-1))

    def _information(self, columns: Tensor, row_entropy: Tensor) -> Tensor:
        """[H(mean row) - mean H(row)] / sqrt(log N * H(mean row)); 0 where all attention is one sink."""
        entropy_of_mean = -torch.xlogy(columns, columns).sum(dim=-1)
        scale = (self.region.num_tokens.log()[:, None] * entropy_of_mean).sqrt()
        return torch.where(entropy_of_mean < ROUNDING, 0, (entropy_of_mean - row_entropy).clamp(min=0) / scale)

    def _median(self, columns: Tensor) -> Tensor:
        return columns.where(self.region.tokens[:, None], torch.nan).nanquantile(0.5, dim=-1)


def named(prefix: str, values: Mapping[str, Tensor]) -> Values:
    """The same values with `prefix/` before every name."""
    return {f"{prefix}/{name}": value for name, value in values.items()}
