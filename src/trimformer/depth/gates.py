"""The gates: conditions that turn a depth down, each with its reason."""

from dataclasses import dataclass

from trimformer.depth.evidence import BlockEvidence, Evidence
from trimformer.depth.field_evidence import MIN_RECEPTIVE_FIELD, FieldEvidence

MIN_PATIENTS = 6


@dataclass(frozen=True)
class Gate:
    """A condition that the chosen block must meet; `passed` is None where it was not checked."""

    name: str
    passed: bool | None
    detail: str

    def as_json(self) -> dict[str, str | bool | None]:
        """As it stands in the evidence."""
        return {"name": self.name, "passed": self.passed, "detail": self.detail}


def patients_gate(num_patients: int) -> Gate:
    """Whether there are enough patients for an interval over them to mean something."""
    detail = f"{num_patients} patients with foreground, needed {MIN_PATIENTS}"
    return Gate("enough patients", num_patients >= MIN_PATIENTS, detail)


def gates_of(evidence: Evidence, first: BlockEvidence | None, field: FieldEvidence | None, tau: float) -> list[Gate]:
    """All gates in the order in which they are told; those of a block only where there is one."""
    patients = patients_gate(evidence.num_patients)
    if first is None:
        return [patients, _receptive_field(None, field)]
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
        _receptive_field(first.block, field),
    ]


def _receptive_field(block: int | None, field: FieldEvidence | None) -> Gate:
    name = "effective receptive field"
    if field is None:
        return Gate(name, None, "not checked: it was not measured")
    if block is None:
        return Gate(name, None, "not checked: there is no block to check")
    if field.num_patients < 2:
        return Gate(name, False, f"measured on {field.num_patients} patients with foreground, an interval needs two")
    ratio = field.far_field_ratio[block]
    detail = (
        f"far-field ratio {ratio.mean:.2f} after block {block}, lower bound {ratio.low:.3f} over {field.num_patients} "
        f"patients, needed {MIN_RECEPTIVE_FIELD:g}"
    )
    return Gate(name, field.is_global(block), detail)
