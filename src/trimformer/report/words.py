"""The findings in words, made by rules from the numbers; no sentence claims more than its interval says."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from trimformer.records.results import ModelRow, PairedTest, Results
from trimformer.report.formats import blocks, number, sentence, signed

UNDERTRAINED_CHANGE = 0.005
"""A run whose selection Dice still changes by so much over its last third has not finished learning."""

FEWEST_PAIRS = 6
"""With fewer pairs no paired test is made."""


def headline(results: Results) -> str:
    """The one sentence to remember."""
    told = _row_of_the_headline(results)
    if told is not None and told.role == "zero blocks":
        return "No transformer block is needed on these data: the model without any is not inferior."
    if results.depth is None:
        count = len(results.models)
        return f"{count} model{'' if count == 1 else 's'} compared on {results.dataset}; no depth was chosen."
    if results.depth.get("status") != "chosen":
        return "The attention does not say how many blocks are needed: the rule is inconclusive on these data."
    return _chosen_headline(results, results.depth.get("num_blocks"))


def certainty(results: Results) -> str:
    """How sure the headline is, in one line."""
    trained = f"One training of each model, {results.patients.validation} unseen patients"
    row = _row_of_the_headline(results)
    test = row.versus_reference if row else None
    if test is None or test.ci95 is None:
        return f"{trained}: a first look, not a proof."
    low, high = (signed(bound) for bound in test.ci95)
    return (
        f"{trained}: {signed(test.mean_difference)} Dice against {results.models[0].name}, 95\u00a0% interval {low} to "
        f"{high}, where {signed(-results.margin, 2)} is allowed. Another seed may move this as much."
    )


def _row_of_the_headline(results: Results) -> ModelRow | None:
    zero = row_with_role(results, "zero blocks")
    if zero is not None and _verdict(zero) == "not inferior":
        return zero
    return row_with_role(results, "chosen depth")


def _chosen_headline(results: Results, kept: int | None) -> str:
    full = results.models[0].num_blocks
    row = row_with_role(results, "chosen depth")
    if kept == full:
        return f"The rule keeps all {full} blocks: there is nothing to cut."
    if row is None:
        return f"The rule chooses {kept} of {full} blocks; what that costs has not been measured."
    chooses = f"The rule chooses {kept} of {full} blocks"
    return {
        "not inferior": f"{kept} of {full} blocks {'is' if kept == 1 else 'are'} enough on these data: "
        "the smaller model is not inferior.",
        "inferior": f"{chooses}, but that is too few on these data: the smaller model is inferior.",
        "undecided": f"{chooses}; whether that is enough is undecided on these data.",
        "too few patients": f"{chooses}; there are too few patients to say whether that is enough.",
    }[_verdict(row)]


def findings(results: Results) -> list[str]:
    """What was found, one paragraph for the rule and one for each model beside the reference."""
    paragraphs = [_rule_finding(results), *(_row_finding(row, results) for row in results.models[1:])]
    return [paragraph for paragraph in paragraphs if paragraph]


def _rule_finding(results: Results) -> str:
    if results.depth is None:
        return ""
    opening = f"Looking at the attention of {results.models[0].name} alone, the rule "
    if results.depth.get("status") == "chosen":
        opening += f"chooses {blocks(results.depth.get('num_blocks'))}."
    else:
        opening += "does not choose a depth."
    return " ".join(part for part in (opening, sentence(str(results.depth.get("reason") or ""))) if part)


def _row_finding(row: ModelRow, results: Results) -> str:
    if row.role == "intensity":
        return f"Brightness alone, without a network, reaches a mean Dice of {number(row.dice.mean)}."
    subject = {
        "chosen depth": f"With the chosen {blocks(row.num_blocks)}",
        "paper's depth": f"With the {blocks(row.num_blocks)} of the paper",
        "zero blocks": "Without any transformer block",
        "plain U-Net": "A plain U-Net trained alike",
    }.get(row.role, row.name)
    test = row.versus_reference
    if test is None:
        return f"{subject}: mean Dice {number(row.dice.mean)}, not compared with the reference."
    numbers = f"mean Dice {number(row.dice.mean)}, {signed(test.mean_difference)} against the reference"
    return f"{subject}: {numbers}{_interval_words(test)}. {_meaning(row, test, results.margin)}"


def _interval_words(test: PairedTest) -> str:
    pairs = f"{test.pairs} patient{'' if test.pairs == 1 else 's'}"
    if test.ci95 is None:
        return f" on {pairs}, too few for an interval"
    return f" (95\u00a0% interval {signed(test.ci95[0])} to {signed(test.ci95[1])}, {pairs})"


def _meaning(row: ModelRow, test: PairedTest, margin: float) -> str:
    better = test.ci95 is not None and test.ci95[0] > 0 and test.verdict == "not inferior"
    if row.role == "plain U-Net":
        return _unet_meaning(test, better)
    if row.role == "zero blocks":
        return _zero_meaning(test, better)
    return {
        "not inferior": "It does better." if better else f"It is not inferior, within a margin of {margin:g} Dice.",
        "inferior": "It is inferior.",
        "undecided": f"Whether it stays within a margin of {margin:g} Dice is undecided.",
        "too few patients": "There are too few patients for a test.",
    }[test.verdict]


def _unet_meaning(test: PairedTest, better: bool) -> str:
    if better:
        return "So here a plain U-Net scores higher than the hybrid."
    if test.verdict == "not inferior":
        return "So a plain U-Net does as well as the hybrid, within the margin."
    if test.verdict == "inferior":
        return "So here the hybrid scores higher than a plain U-Net."
    tested = "undecided" if test.verdict == "undecided" else "not tested, for want of patients"
    if test.mean_difference >= 0:
        return f"So a plain U-Net scores at least as high as the hybrid; whether that is more than chance is {tested}."
    return f"Whether the hybrid is better than a plain U-Net is {tested}."


def _zero_meaning(test: PairedTest, better: bool) -> str:
    return {
        "not inferior": "So here it scores higher than with all blocks; another seed may turn that round."
        if better
        else "So the transformer adds nothing measurable here beyond the margin.",
        "inferior": "So the transformer adds something on these data.",
        "undecided": "Whether the transformer adds anything is undecided.",
        "too few patients": "Whether the transformer adds anything cannot be tested on so few patients.",
    }[test.verdict]


def sureness(results: Results) -> list[str]:
    """How sure the findings are: trainings, patients, the data and what was not checked."""
    seed = _find(results.provenance, "seed")
    validation = results.patients.validation
    trained = f"Each model was trained once{'' if seed is None else f', with seed {seed}'}"
    paragraphs = [
        f"{trained}. The intervals are over {validation} unseen patient{'' if validation == 1 else 's'} "
        f"({results.patients.train} were trained on) and do not hold the variation from one training to the next, "
        "which can be larger than the difference between two depths."
    ]
    if validation < FEWEST_PAIRS:
        paragraphs.append(f"With fewer than {FEWEST_PAIRS} patients no difference is tested.")
    unchecked = unchecked_gates(results.depth or {})
    if unchecked:
        paragraphs.append(f"Of the rule's gates, not checked: {', '.join(unchecked)}.")
    return [*paragraphs, *([sentence(results.dataset_note)] if results.dataset_note else [])]


def unchecked_gates(depth: Mapping[str, Any]) -> list[str]:
    """The names of the rule's gates that nobody looked at."""
    gates = (depth.get("evidence") or {}).get("gates") or []
    return [str(gate.get("name", "unnamed")) for gate in gates if gate.get("passed") is None]


def undertrained(selection_dice: np.ndarray) -> str:
    """A warning when the Dice on the selection patients, shape (epochs,), had not settled; else empty."""
    if selection_dice.size < 3:
        return "too few epochs to see whether it had settled"
    change = float(selection_dice[-1] - selection_dice[-1 - selection_dice.size // 3])
    if np.isfinite(change) and abs(change) >= UNDERTRAINED_CHANGE:
        return f"selection Dice still moved by {signed(change)} over the last third of the epochs"
    return ""


def row_with_role(results: Results, role: str) -> ModelRow | None:
    """The first row that is there for this purpose."""
    return next((row for row in results.models if row.role == role), None)


def _verdict(row: ModelRow) -> str:
    return row.versus_reference.verdict if row.versus_reference else "too few patients"


def _find(document: Mapping[str, Any], key: str) -> Any:
    if key in document:
        return document[key]
    nested = (_find(value, key) for value in document.values() if isinstance(value, Mapping))
    return next((value for value in nested if value is not None), None)
