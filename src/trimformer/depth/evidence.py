"""What the rule looks at, block by block: means and 95 % intervals over patients."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from trimformer.records.intervals import mean_interval
from trimformer.records.profile import AttentionProfile


@dataclass(frozen=True)
class Estimate:
    """A mean over patients with its 95 % interval; NaN where there is no number."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: np.ndarray) -> "Estimate":
        """The estimate from one value a patient."""
        mean, interval = mean_interval(values)
        return cls(mean, *(interval or (float("nan"), float("nan"))))

    def as_json(self) -> dict[str, float | None]:
        """`mean`, `low` and `high`; NaN becomes None."""
        document: dict[str, float | None] = _without_nan(dataclasses.asdict(self))
        return document


@dataclass(frozen=True)
class BlockEvidence:
    """One block, as the rule sees it."""

    block: int
    """Counted from 1: how many blocks a model cut after it would keep."""
    far_field_ratio: Estimate
    """Of the cumulative field."""
    far_query_share: float
    far_field_ratio_without_sinks: Estimate
    mixing: float
    """Of this block's own attention, head mean."""
    query_key_information: Estimate
    twin_query_key_information: Estimate

    def as_json(self, why_not: list[str]) -> dict[str, Any]:
        """The evidence with the rule's word on it; NaN becomes None."""
        document: dict[str, Any] = _without_nan(dataclasses.asdict(self))
        return document | {"passes": not why_not, "why_not": why_not}


@dataclass(frozen=True)
class Evidence:
    """All blocks of one profile, read on one region and one field."""

    region: str
    field: str
    num_patients: int
    blocks: tuple[BlockEvidence, ...]

    @classmethod
    def of(cls, profile: AttentionProfile, region: str, field: str) -> "Evidence":
        """Read a profile; patients without a value (no foreground) do not count."""
        values, twin = profile.model, profile.twin
        cumulative = f"{region}/{field}"
        counted = np.isfinite(values[f"{cumulative}/far_field_ratio"]).all(axis=1)

        def estimate(array: np.ndarray, block: int) -> Estimate:
            return Estimate.of(per_patient(array[counted], block))

        blocks = tuple(
            BlockEvidence(
                block=index + 1,
                far_field_ratio=estimate(values[f"{cumulative}/far_field_ratio"], index),
                far_query_share=estimate(values[f"{cumulative}/far_query_share"], index).mean,
                far_field_ratio_without_sinks=estimate(values[f"{cumulative}/far_field_ratio_without_sinks"], index),
                mixing=estimate(values[f"{region}/mixing"], index).mean,
                query_key_information=estimate(values[f"{region}/query_key_information"], index),
                twin_query_key_information=estimate(twin[f"{region}/query_key_information"], index),
            )
            for index in range(profile.num_blocks)
        )
        return cls(region, field, int(counted.sum()), blocks)


def has_field(profile: AttentionProfile, region: str, field: str) -> bool:
    """Whether the profile holds that field; attention in windows or stages cannot be rolled out."""
    ratios = profile.model.get(f"{region}/{field}/far_field_ratio")
    heads = profile.model.get(f"{region}/far_field_ratio")
    measured = heads is not None and bool(np.isfinite(heads).any())
    return ratios is not None and bool(np.isfinite(ratios).any() or not measured)


def first_global_head(profile: AttentionProfile, region: str, tau: float) -> int | None:
    """The first block, from 1, in which a single head's own far-field ratio has its lower bound at tau or above."""
    ratios = profile.model[f"{region}/far_field_ratio"]
    for index in range(profile.num_blocks):
        if any(Estimate.of(head).low >= tau for head in ratios[:, index].T):
            return index + 1
    return None


def per_patient(array: np.ndarray, block: int) -> np.ndarray:
    """One value a patient: (patients, blocks) as it is, (patients, blocks, heads) as the mean over the heads it has."""
    values = array[:, block]
    if values.ndim == 1:
        return values
    there = np.isfinite(values)
    total, count = values.sum(axis=1, where=there), there.sum(axis=1)
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and not np.isfinite(value) else value
