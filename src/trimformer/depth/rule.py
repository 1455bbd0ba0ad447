"""The rule: the first block with an effectively global receptive field, and the gates that may turn it down."""

from typing import Any, Literal

import numpy as np

from trimformer.depth.evidence import BlockEvidence, Evidence, first_global_head, has_field
from trimformer.depth.field_evidence import FieldEvidence
from trimformer.depth.gates import Gate, gates_of
from trimformer.records.depth import DepthChoice
from trimformer.records.patient_measures import PatientMeasures
from trimformer.records.profile import AttentionProfile

TAU = 0.5
"""The far-field ratio from which a field counts as global. A hypothesis, to be validated."""
TAUS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
MIN_FAR_QUERIES = 0.9
MIN_MIXING = 0.1

CRITERION = "first block with an effectively global receptive field"


def choose_depth(
    profile: AttentionProfile,
    receptive_field: PatientMeasures | None = None,
    *,
    tau: float = TAU,
    field: Literal["norm_weighted", "half_residual", "per_block"] = "norm_weighted",
) -> DepthChoice:
    """Choose how many blocks to keep, or say honestly that the profile does not tell.

    The answer is the first block l >= 1 whose cumulative field R_l, on foreground queries and keys, has its lower 95 %
    bound of the far-field ratio over patients at tau or above, with 90 % of the queries at 0.25 or above and a mixing
    of at least 0.1. Then gates: at least 6 patients; it still holds without sink tokens; its query-key information
    exceeds that of the permuted twin; and the lower 95 % bound over patients of the effective receptive field's
    far-field ratio after that block is at least 0.5. The rule never answers 0: only training without blocks can; but
    where the field is global before the first block, the reason says so.

    Args:
        profile: Of all training patients.
        receptive_field: Of the same blocks, from `measure_receptive_field`; without it its gate is not checked.
        tau: Threshold of the far-field ratio.
        field: The norm-weighted rollout; "per_block" is the paper's view, each block alone.

    Raises:
        UserError: The receptive field is of other blocks.
    """
    if not has_field(profile, "foreground", field):
        return _without_field(profile, field, tau)
    evidence = Evidence.of(profile, "foreground", field)
    measured = None if receptive_field is None else FieldEvidence.of(receptive_field, profile, "foreground")
    first = _first_global(evidence, tau)
    gates = gates_of(evidence, first, measured, tau)
    failed = [gate for gate in gates if gate.passed is False]
    chosen = first is not None and not failed
    return DepthChoice(
        status="chosen" if chosen else "inconclusive",
        num_blocks=first.block if first and chosen else None,
        reason=_reason(first, failed, evidence, tau) + _of_the_trunk(measured),
        criterion=CRITERION,
        evidence=_document(evidence, gates, measured, tau) | _second_figures(profile, field, tau),
        sensitivity={str(value): _block(_first_global(evidence, value)) for value in TAUS},
    )


def _why_not(block: BlockEvidence, tau: float) -> list[str]:
    """Why the field after this block is not global; empty where it is. A missing number never passes."""
    why = []
    if not block.far_field_ratio.low >= tau:
        why.append(f"lower bound of the far-field ratio {block.far_field_ratio.low:.2f}, needed {tau:g}")
    if not block.far_query_share >= MIN_FAR_QUERIES:
        why.append(f"{block.far_query_share:.0%} of the queries look far, needed {MIN_FAR_QUERIES:.0%}")
    if not block.mixing >= MIN_MIXING:
        why.append(f"mixing {block.mixing:.2f}, needed {MIN_MIXING:g}")
    return why


def _first_global(evidence: Evidence, tau: float) -> BlockEvidence | None:
    return next((block for block in evidence.blocks if not _why_not(block, tau)), None)


def _reason(first: BlockEvidence | None, failed: list[Gate], evidence: Evidence, tau: float) -> str:
    if evidence.num_patients == 0:
        return "No patient has a foreground of enough tokens, so there is nothing to judge."
    if first is None:
        best = max(evidence.blocks, key=lambda block: np.nan_to_num(block.far_field_ratio.low, nan=-1.0))
        return f"No block passes: block {best.block} comes closest ({'; '.join(_why_not(best, tau))})."
    if failed:
        return f"Block {first.block} is the first with a global field, but a gate fails: " + "; ".join(
            f"{gate.name} ({gate.detail})" for gate in failed
        )
    ratio = first.far_field_ratio
    return (
        f"Block {first.block} is the first whose field is global: far-field ratio {ratio.mean:.2f} "
        f"(95 % interval {ratio.low:.2f} to {ratio.high:.2f}), needed {tau:g}."
    )


def _of_the_trunk(field: FieldEvidence | None) -> str:
    """A word on what enters the first block, where that sees far already."""
    if field is None or not field.is_global(0):
        return ""
    ratio = field.far_field_ratio[0]
    return (
        f" The effective receptive field is already global before the first block (far-field ratio {ratio.mean:.2f}, "
        f"95 % interval {ratio.low:.2f} to {ratio.high:.2f}): the convolutions, not the first block, may be what is "
        "global."
    )


def _without_field(profile: AttentionProfile, field: str, tau: float) -> DepthChoice:
    """The answer where no cumulative field can be made."""
    told = {"region": "foreground", "field": field, "tau": tau, "patients": len(profile.patient_ids)}
    return DepthChoice(
        status="inconclusive",
        num_blocks=None,
        reason=f"The profile has no cumulative field ({field}): "
        + (profile.no_rollout or "attention in windows, in stages or to reduced keys cannot be rolled out").rstrip(".")
        + ". So the rule has nothing to read: compare trained depths instead.",
        criterion=CRITERION,
        evidence=told | {"blocks": [], "gates": [], "receptive_field": None},
        sensitivity={str(value): None for value in TAUS},
    )


def _document(evidence: Evidence, gates: list[Gate], field: FieldEvidence | None, tau: float) -> dict[str, Any]:
    return {
        "region": evidence.region,
        "field": evidence.field,
        "tau": tau,
        "patients": evidence.num_patients,
        "blocks": [block.as_json(_why_not(block, tau)) for block in evidence.blocks],
        "gates": [gate.as_json() for gate in gates],
        "receptive_field": field and field.as_json(),
    }


def _second_figures(profile: AttentionProfile, field: str, tau: float) -> dict[str, Any]:
    """The same question asked otherwise: on all patches, and of single heads."""
    return {
        "all_patches": _block(_first_global(Evidence.of(profile, "all", field), tau)),
        "single_heads": {str(value): first_global_head(profile, "foreground", value) for value in TAUS},
    }


def _block(block: BlockEvidence | None) -> int | None:
    return block.block if block else None
