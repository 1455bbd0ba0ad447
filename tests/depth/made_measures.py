"""Measures of a model of four blocks on eight patients, made by hand."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trimformer.depth.criteria.criterion import ModelMeasures
from trimformer.records.far_sight import FarSight
from trimformer.records.patient_measures import PatientMeasures
from trimformer.records.profile import AttentionProfile
from trimformer.records.skipped_blocks import SkippedBlocks

PATIENTS, BLOCKS, HEADS = 8, 4, 2
NAMES = tuple(f"blocks.{index}" for index in range(BLOCKS))
NOISE = np.linspace(-0.01, 0.01, PATIENTS)
"""Of one number a patient: its 95 % interval is the mean ± 0.0059."""


def patient_ids(count: int = PATIENTS) -> tuple[str, ...]:
    return tuple(f"p{index}" for index in range(count))


def spread(means: Any) -> np.ndarray:
    """(patients, ...) around the means."""
    array = np.asarray(means, dtype=float)
    return array + NOISE.reshape(-1, *[1] * array.ndim)


@dataclass
class Made(ModelMeasures):
    """What was not given breaks whoever reads it."""

    blocks: int = BLOCKS
    given: dict[str, Any] = field(default_factory=dict)

    @property
    def num_blocks(self) -> int:
        return self.blocks

    @property
    def profile(self) -> AttentionProfile:
        profile: AttentionProfile = self.given["profile"]
        return profile

    @property
    def receptive_field(self) -> PatientMeasures | None:
        return self.given.get("receptive_field")

    @property
    def similarity(self) -> PatientMeasures:
        similarity: PatientMeasures = self.given["similarity"]
        return similarity

    @property
    def skipped_blocks(self) -> SkippedBlocks:
        skipped: SkippedBlocks = self.given["skipped_blocks"]
        return skipped

    @property
    def far_sight(self) -> FarSight:
        far_sight: FarSight = self.given["far_sight"]
        return far_sight


def with_attention(measure: str, means: list[float], patients: int = PATIENTS) -> Made:
    """Heads that differ by 0.2 around the means of their blocks."""
    heads = spread(np.array(means)[:, None] + np.array([-0.1, 0.1]))[:patients]
    groups = {f"foreground/{measure}": heads}
    return Made(given={"profile": AttentionProfile(patient_ids(patients), NAMES, HEADS, (14, 14), groups, {}, {}, {})})


def with_states(cka_with_the_end: list[float], influence: list[float]) -> Made:
    cka = spread(np.zeros((BLOCKS + 1, BLOCKS + 1)))
    cka[:, :, -1] = spread([*cka_with_the_end, 1.0])
    measures = {"foreground/cka": cka, "foreground/block_influence": spread(influence)}
    return Made(given={"similarity": PatientMeasures(patient_ids(), measures)})


def with_skipped_blocks(change: list[float]) -> Made:
    """The change of Dice after 0, 1, 2 and 3 blocks."""
    dice = np.full((PATIENTS, BLOCKS + 1), 0.8)
    dice[:, :-1] += spread(change)
    return Made(given={"skipped_blocks": SkippedBlocks(patient_ids(), NAMES, dice)})


def with_near_sighted(change: list[float]) -> Made:
    """The change of Dice with each block near-sighted."""
    record = FarSight(patient_ids(), NAMES[: len(change)], 8.0, 0, np.full(PATIENTS, 0.8), 0.8 + spread(change))
    return Made(given={"far_sight": record})


def profile(
    field: list[float],
    *,
    without_sinks: list[float] | None = None,
    far_queries: float = 1.0,
    mixing: float = 0.9,
    information: float = 0.3,
    twin_information: float = 0.1,
    patients: int = PATIENTS,
) -> AttentionProfile:
    """What the rule reads, for the region of the main figure and all patches alike."""

    def heads(value: float) -> np.ndarray:
        return np.repeat(spread([value] * BLOCKS)[:patients, :, None], HEADS, axis=2)

    values: dict[str, np.ndarray] = {}
    for region in ("foreground", "all"):
        values |= {
            f"{region}/norm_weighted/far_field_ratio": spread(field)[:patients],
            f"{region}/norm_weighted/far_query_share": spread([far_queries] * BLOCKS)[:patients],
            f"{region}/norm_weighted/far_field_ratio_without_sinks": spread(without_sinks or field)[:patients],
            f"{region}/mixing": heads(mixing),
            f"{region}/far_field_ratio": heads(0.65),
            f"{region}/distance_ratio": heads(0.65),
            f"{region}/entropy": heads(0.65),
            f"{region}/query_key_information": heads(information),
        }
    twin = {key: heads(twin_information) for key in ("foreground/query_key_information", "all/query_key_information")}
    return AttentionProfile(
        patient_ids(patients),
        NAMES,
        HEADS,
        (14, 14),
        values,
        twin,
        {},
        {},
    )


def receptive_field(by_depth: list[float], patients: int = PATIENTS) -> PatientMeasures:
    """Depth 0 first; every mean with a half interval of 0.006."""
    names = [f"blocks.{i}" for i in range(len(by_depth) - 1)]
    ids = tuple(f"p{i}" for i in range(patients))
    return PatientMeasures(
        ids, {"foreground/far_field_ratio": spread(by_depth)[:patients]}, about={"block_names": names}
    )
