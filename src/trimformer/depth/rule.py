"""The rule: the first block with an effectively global receptive field, and the gates that may turn it down."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from trimformer.depth.evidence import BlockEvidence, Evidence, first_global_head
from trimformer.records.depth import DepthChoice
from trimformer.records.profile import AttentionProfile

TAU = 0.5
"""The far-field ratio from which a field counts as global. A hypothesis, to be validated."""
TAUS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
MIN_PATIENTS = 6
MIN_FAR_QUERIES = 0.9
MIN_MIXING = 0.1

CRITERION = "first block with an effectively global receptive field"


@dataclass(frozen=True)
class Gate:
    """A condition that the chosen block must meet; `passed` is None where it was not checked."""

    name: str
    passed: bool | None
    detail: str


def choose_depth(
    profile: AttentionProfile,
    *,
    tau: float = TAU,
    field: Literal["norm_weighted", "half_residual", "per_block"] = "norm_weighted",
) -> DepthChoice:
    """Choose how many blocks to keep, or say honestly that the profile does not tell.

    The answer is the first block l >= 1 whose cumulative field R_l, on foreground queries and keys, has its lower 95 %
    bound of the far-field ratio over patients at tau or above, with 90 % of the queries at 0.25 or above and a mixing
    of at least 0.1. Then gates: at least 6 patients; it still holds without sink tokens; its query-key information
    exceeds that of the permuted twin. The receptive-field gate is not checked yet and is reported so. The rule never
    answers 0: only training without blocks can.

    Args:
        profile: Of all training patients.
        tau: Threshold of the far-field ratio.
        field: The norm-weighted rollout; "per_block" is the paper's view, each block alone.
    """
    evidence = Evidence.of(profile, "foreground", field)
    first = _first_global(evidence, tau)
    gates = _gates(evidence, first, tau)
    failed = [gate for gate in gates if gate.passed is False]
    chosen = first is not None and not failed
    return DepthChoice(
        status="chosen" if chosen else "inconclusive",
        num_blocks=first.block if first and chosen else None,
        reason=_reason(first, failed, evidence, tau),
        criterion=CRITERION,
        evidence=_document(evidence, gates, tau) | _second_figures(profile, field, tau),
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


def _gates(evidence: Evidence, first: BlockEvidence | None, tau: float) -> list[Gate]:
    patients = Gate(
        "enough patients",
        evidence.num_patients >= MIN_PATIENTS,
        f"{evidence.num_patients} patients with foreground, needed {MIN_PATIENTS}",
    )
    not_checked = Gate("effective receptive field", None, "not checked: its measure is not part of this version")
    if first is None:
        return [patients, not_checked]
    without = first.far_field_ratio_without_sinks.low
    own, twin = first.query_key_information.low, first.twin_query_key_information.high
    return [
        patients,
        Gate("holds without sink tokens", without >= tau, f"lower bound {without:.2f} without sinks, needed {tau:g}"),
        Gate(
            "more query-key information than the permuted twin",
            own > twin,
            f"lower bound {own:.4f}, the twin's upper bound {twin:.4f}",
        ),
        not_checked,
    ]


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


def _document(evidence: Evidence, gates: list[Gate], tau: float) -> dict[str, Any]:
    return {
        "region": evidence.region,
        "field": evidence.field,
        "tau": tau,
        "patients": evidence.num_patients,
        "blocks": [block.as_json(_why_not(block, tau)) for block in evidence.blocks],
        "gates": [{"name": gate.name, "passed": gate.passed, "detail": gate.detail} for gate in gates],
    }


def _second_figures(profile: AttentionProfile, field: str, tau: float) -> dict[str, Any]:
    """The same question asked otherwise: on all patches, and of single heads."""
    return {
        "all_patches": _block(_first_global(Evidence.of(profile, "all", field), tau)),
        "single_heads": {str(value): first_global_head(profile, "foreground", value) for value in TAUS},
    }


def _block(block: BlockEvidence | None) -> int | None:
    return block.block if block else None
