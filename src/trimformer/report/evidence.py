"""What a criterion looked at, block by block or depth by depth, and gate by gate, as rows of text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trimformer.records.depth import DepthChoice
from trimformer.records.results import Results
from trimformer.report.formats import interval, number, sentence
from trimformer.report.tables.table import Cell

BLOCK_COLUMNS = (
    ("Block", "block"),
    ("Far-field ratio", "far_field_ratio"),
    ("Queries that look far", "far_query_share"),
    ("Mixing", "mixing"),
    ("Without sinks", "far_field_ratio_without_sinks"),
    ("Query-key information", "query_key_information"),
    ("… of permuted weights", "twin_query_key_information"),
    ("Passes", "passes"),
)
"""Titles of the table of evidence with the keys of `evidence["blocks"]`."""

DEPTH_COLUMNS = ("Measured", "Passes")
"""Titles of the table of evidence of all other criteria, `evidence["depths"]`, after that of the block or depth."""

GATE_STATES = {True: "passed", False: "failed", None: "not checked"}


@dataclass(frozen=True)
class Gate:
    """One condition of a choice and whether it held."""

    name: str
    state: str
    detail: str


def depth_choice(depth: DepthChoice | None, results: Results) -> DepthChoice | None:
    """The choice as the run wrote it, or what the comparison keeps of it, or None."""
    if depth is not None or results.depth is None:
        return depth
    return DepthChoice(
        status="chosen" if results.depth.get("status") == "chosen" else "inconclusive",
        num_blocks=results.depth.get("num_blocks"),
        reason=str(results.depth.get("reason") or ""),
        criterion=str(results.depth.get("criterion") or ""),
        evidence=results.depth.get("evidence") or {},
        sensitivity=results.depth.get("sensitivity") or {},
        verdict=str(results.depth.get("verdict") or ""),
    )


def who_chose(choice: DepthChoice) -> str:
    """Who made this choice, as the subject of a sentence."""
    if "rounds" in choice.evidence:
        return "The race"
    return f"The criterion “{choice.criterion}”" if "threshold" in choice.evidence else "The rule"


def threshold(choice: DepthChoice) -> float | None:
    """At which threshold or margin it was chosen; None where that was not written."""
    found = [choice.evidence[key] for key in ("tau", "threshold", "margin") if key in choice.evidence]
    return float(found[0]) if found else None


def evidence_columns(choice: DepthChoice) -> list[str]:
    """Titles of the table of evidence."""
    if "depths" in choice.evidence:
        return ["Block" if "block {" in _measured(choice) else "Blocks", *DEPTH_COLUMNS]
    return [text for text, _ in BLOCK_COLUMNS]


def evidence_rows(choice: DepthChoice) -> list[list[Cell]]:
    """One row of cells a block, or a depth where a criterion reads depths; a dash for what was not written."""
    if "depths" in choice.evidence:
        of_the_next = "{next}" in _measured(choice)
        return [_depth_row(depth, depth["depth"] + of_the_next) for depth in choice.evidence["depths"]]
    return [[_cell(key, block) for _, key in BLOCK_COLUMNS] for block in choice.evidence.get("blocks") or []]


def what_was_measured(choice: DepthChoice) -> str:
    """What the numbers of all depths are of, as a sentence; empty where that was not written."""
    told = _measured(choice).replace("block {next}", "that block").replace("block {depth}", "that block")
    return sentence(told.replace("{depth}", "so many")) if told else ""


def _measured(choice: DepthChoice) -> str:
    """In the criterion's words, with `{depth}` or `{next}` where a number stands."""
    return str(choice.evidence.get("measured") or "")


def _depth_row(depth: Mapping[str, Any], number_of_row: int) -> list[Cell]:
    measured = Cell(number(depth.get("mean")), interval((depth["low"], depth["high"])) if _bounded(depth) else "")
    return [Cell(str(number_of_row)), measured, _cell("passes", depth)]


def _bounded(value: Mapping[str, Any]) -> bool:
    return value.get("low") is not None and value.get("high") is not None


def _cell(key: str, block: Mapping[str, Any]) -> Cell:
    value = block.get(key)
    if key == "block":
        return Cell("–" if value is None else str(value))
    if key == "passes":
        reasons = "; ".join(str(reason) for reason in block.get("why_not") or [])
        return Cell("–" if value is None else "yes" if value else "no", reasons)
    if key == "far_query_share" and value is not None:
        return Cell(f"{number(100 * value, 0)} %")
    if isinstance(value, Mapping):
        return Cell(number(value.get("mean"), 2), _bounds(value))
    return Cell(number(value, 2))


def _bounds(value: Mapping[str, Any]) -> str:
    return f"{number(value['low'], 2)} – {number(value['high'], 2)}" if _bounded(value) else ""


def gates(choice: DepthChoice) -> list[Gate]:
    """The gates in the order in which the criterion names them."""
    return [
        Gate(
            sentence(str(gate.get("name", "unnamed"))).rstrip("."),
            GATE_STATES[gate.get("passed")],
            sentence(str(gate.get("detail") or "")),
        )
        for gate in choice.evidence.get("gates") or []
    ]


def sensitivity(choice: DepthChoice) -> list[tuple[str, str]]:
    """The depth at each threshold, from the lowest up; of the rule, the first global block."""
    ordered = sorted(choice.sensitivity.items(), key=lambda item: float(item[0]))
    return [(tau, "none" if block is None else str(block)) for tau, block in ordered]
