"""Criteria that read one number a depth: which depth passes a threshold first, or how many do not pass."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from trimformer.depth.criteria.criterion import Criterion, Decide, ModelMeasures
from trimformer.depth.evidence import Estimate
from trimformer.depth.gates import Gate, patients_gate
from trimformer.records.depth import DepthChoice

Passes = Callable[[Estimate, float], bool]
Answer = Callable[["Curve", int, float], int | None]
"""A depth from the numbers, the model's blocks and a threshold; None where there is none."""

Reason = Callable[["Curve", int | None, Criterion], str]


def reaches(estimate: Estimate, threshold: float) -> bool:
    """Whether the lower bound is at the threshold or above."""
    return estimate.low >= threshold


@dataclass(frozen=True)
class Curve:
    """One estimate over patients for each depth; the full depth need not have one."""

    first_depth: int
    estimates: tuple[Estimate, ...]
    what: str
    """What the numbers are of, with `{depth}` and `{next}`, the block after it."""
    num_patients: int

    @classmethod
    def of(cls, values: np.ndarray, first_depth: int, what: str) -> "Curve":
        """From (patients, depths); a patient without all numbers does not count."""
        counted = values[np.isfinite(values).all(axis=1)]
        return cls(first_depth, tuple(Estimate.of(column) for column in counted.T), what, len(counted))

    def named(self, depth: int) -> str:
        """What the number of a depth is of."""
        return self.what.format(depth=depth, next=depth + 1)

    def items(self) -> list[tuple[int, Estimate]]:
        """Every depth with its estimate."""
        return list(enumerate(self.estimates, start=self.first_depth))


def along_depths(
    curve_of: Callable[[ModelMeasures], Curve], passes: Passes, *, lasting: bool = False, ends: bool = False
) -> Decide:
    """A criterion that answers the first depth which passes.

    Args:
        curve_of: Reads the numbers.
        passes: Whether an estimate passes a threshold; a missing number never does.
        lasting: All later depths must pass as well.
        ends: The full depth passes whatever the numbers say.
    """

    def first(curve: Curve, num_blocks: int, threshold: float) -> int | None:
        passing = [depth for depth, estimate in curve.items() if passes(estimate, threshold)]
        if ends and num_blocks not in passing:
            passing.append(num_blocks)
        if lasting:
            passing = [depth for depth in passing if set(range(depth, num_blocks + 1)) <= set(passing)]
        return min(passing, default=None)

    return _deciding(curve_of, passes, first, partial(_reason, lasting=lasting))


def counting(curve_of: Callable[[ModelMeasures], Curve], passes: Passes) -> Decide:
    """A criterion that answers how many of the numbers do not pass, wherever they stand."""

    def count(curve: Curve, _: int, threshold: float) -> int:
        return len(_not_passing(curve, passes, threshold))

    return _deciding(curve_of, passes, count, partial(_counted_reason, passes))


def _deciding(curve_of: Callable[[ModelMeasures], Curve], passes: Passes, answer: Answer, reason: Reason) -> Decide:
    def decide(measures: ModelMeasures, criterion: Criterion) -> DepthChoice:
        num_blocks, curve = measures.num_blocks, curve_of(measures)
        found, gate = answer(curve, num_blocks, criterion.threshold), patients_gate(curve.num_patients)
        chosen = found if gate.passed else None
        return DepthChoice(
            status="inconclusive" if chosen is None else "chosen",
            num_blocks=chosen,
            reason=reason(curve, found, criterion) if gate.passed else _too_few(curve, gate),
            criterion=criterion.title,
            evidence=_document(curve, passes, gate, criterion),
            sensitivity={
                f"{value:g}": answer(curve, num_blocks, value) if gate.passed else None for value in criterion.others
            },
        )

    return decide


def _too_few(curve: Curve, gate: Gate) -> str:
    if curve.num_patients == 0:
        return "No patient has such a number: none has foreground, or it cannot be measured of this attention."
    return f"Too few patients: {gate.detail}."


def _not_passing(curve: Curve, passes: Passes, threshold: float) -> list[tuple[int, Estimate]]:
    return [(depth, estimate) for depth, estimate in curve.items() if not passes(estimate, threshold)]


def _counted_reason(passes: Passes, curve: Curve, found: int | None, criterion: Criterion) -> str:
    """Those that were counted, or, where none was, the one that came closest."""
    counted = _not_passing(curve, passes, criterion.threshold)
    told = counted or [min(curve.items(), key=lambda item: item[1].mean)]
    sentences = "; ".join(_sentence(curve, *item) for item in told)
    rule = f"{criterion.threshold_of} {criterion.threshold:g}"
    return f"{found} of {len(curve.estimates)}. {sentences}; not counted: {rule}."


def _reason(curve: Curve, found: int | None, criterion: Criterion, *, lasting: bool) -> str:
    """The number that decided: of the depth found, or else of the one that stood in the way or came closest."""
    estimates = dict(curve.items())
    opening, told = "", found
    if found not in estimates:
        opening = f"No {'' if found is None else 'smaller '}depth passes: "
        told = max(estimates) if lasting else max(estimates, key=lambda depth: estimates[depth].mean)
    assert told is not None
    return (
        f"{opening}{_sentence(curve, told, estimates[told])}; needed: {criterion.threshold_of} {criterion.threshold:g}."
    )


def _sentence(curve: Curve, depth: int, estimate: Estimate) -> str:
    return (
        f"{curve.named(depth)}: {estimate.mean:.3f} (95 % interval {estimate.low:.3f} to {estimate.high:.3f}, "
        f"{curve.num_patients} patients)"
    )


def _document(curve: Curve, passes: Passes, gate: Gate, criterion: Criterion) -> dict[str, Any]:
    depths: Sequence[dict[str, Any]] = [
        {"depth": depth, "passes": passes(estimate, criterion.threshold)} | estimate.as_json()
        for depth, estimate in curve.items()
    ]
    return {
        "patients": curve.num_patients,
        "threshold": criterion.threshold,
        "measured": curve.what,
        "depths": depths,
        "gates": [gate.as_json()],
    }
