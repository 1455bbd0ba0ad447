"""How sure the findings are: how often was trained, on whom, from which weights, and what nobody checked."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from trimformer.records.late_change import change_over_last_third
from trimformer.records.results import Results
from trimformer.report.formats import listed, sentence
from trimformer.report.remarks import missing_controls, trainings

FEWEST_PAIRS = 6
"""With fewer pairs no paired test is made."""


def sureness(results: Results) -> list[str]:
    """How sure the findings are, a paragraph a reason."""
    few = results.patients.validation < FEWEST_PAIRS
    unchecked = unchecked_gates(results.depth or {})
    paragraphs = [
        _trained(results),
        f"With fewer than {FEWEST_PAIRS} patients no difference is tested." if few else "",
        missing_controls(results),
        f"Of the gates of the choice, not checked: {', '.join(unchecked)}." if unchecked else "",
        sentence(results.dataset_note),
    ]
    return [paragraph for paragraph in paragraphs if paragraph]


def _trained(results: Results) -> str:
    count = results.patients.validation
    patients = f"{count} unseen patient{'' if count == 1 else 's'} ({results.patients.train} were trained on)"
    fewest, most = trainings(results)
    if most == 1:
        return (
            f"Each model was trained once{_seed(results)}. The intervals are over {patients} and do not hold the "
            "variation from one training to the next, which can be larger than the difference between two depths."
        )
    if fewest == most:
        return (
            f"Each model was trained {most} times{_seed(results)}. The intervals are over {patients} crossed with the "
            "seeds, so they hold the variation from one training to the next."
        )
    once = [row.name for row in results.models if row.parameters is not None and len(row.seeds) < 2]
    single = f" Trained once, so without any variation of their own: {listed(once)}." if once else ""
    return (
        f"The models were trained {fewest} to {most} times. The intervals are over {patients} crossed with the "
        f"seeds.{single}"
    )


def _seed(results: Results) -> str:
    """With which seeds every model was trained; empty where they differ or nobody wrote them down."""
    used = {row.seeds for row in results.models if row.seeds}
    if not used and (seed := _find(results.provenance, "seed")) is not None:
        used = {(seed,)}
    if len(used) != 1:
        return ""
    (seeds,) = used
    return f", with seed{'' if len(seeds) == 1 else 's'} {listed([str(seed) for seed in seeds])}"


def unchecked_gates(depth: Mapping[str, Any]) -> list[str]:
    """The names of the gates that nobody looked at."""
    gates = (depth.get("evidence") or {}).get("gates") or []
    return [str(gate.get("name", "unnamed")) for gate in gates if gate.get("passed") is None]


def undertrained(selection_dice: np.ndarray) -> str:
    """A warning when the Dice on the selection patients, shape (epochs,), had not settled; else empty."""
    change = change_over_last_third(selection_dice)
    if change is None:
        return "too few epochs to see whether it had settled"
    if change.has_settled:
        return ""
    return f"selection Dice still moved by {change.in_words()} over the last third of the epochs"


def _find(document: Mapping[str, Any], key: str) -> Any:
    if key in document:
        return document[key]
    nested = (_find(value, key) for value in document.values() if isinstance(value, Mapping))
    return next((value for value in nested if value is not None), None)
