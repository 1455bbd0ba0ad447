"""What a race has shown, as a choice of depth."""

from collections.abc import Mapping, Sequence
from typing import Any

from trimformer.depth.race.cost import EpochCosts
from trimformer.depth.race.standing import Round, Standing
from trimformer.depth.verdict import patients_in_words, raced, smallest_not_inferior
from trimformer.evaluation.compare import MARGINS
from trimformer.metrics.paired import MIN_PAIRS
from trimformer.records.depth import DepthChoice

TITLE = "smallest raced depth that is not inferior to the full one"


def answer(
    proposal: DepthChoice, rounds: Sequence[Round], costs: EpochCosts, margin: float, remark: str = ""
) -> DepthChoice:
    """The smallest depth that is not inferior at the end, or why none can be named.

    Args:
        proposal: What was proposed.
        rounds: All that were run.
        costs: Of an epoch, to be told beside the sweep's.
        margin: What counts as no worse, in Dice.
        remark: What else has to be known of the run, said behind the verdict.
    """
    last = {standing.num_blocks: standing for of_round in rounds for standing in of_round.standings}
    others = {depth: last[depth] for depth in sorted(last) if depth != costs.full}
    found = {depth: standing.verdict(margin) for depth, standing in others.items()}
    chosen = _chosen(others, costs.full, margin)
    epochs = sum(of_round.epochs for of_round in rounds)
    patients = min(standing.against_full.pairs for standing in others.values())
    terms = f"margin {margin:g}, up to {epochs} epoch{'' if epochs == 1 else 's'} from inherited weights"
    return DepthChoice(
        status="inconclusive" if chosen is None else "chosen",
        num_blocks=chosen,
        reason=f"{_reason(chosen, others, costs.full, margin)} {_of(proposal)}",
        criterion=TITLE,
        evidence=_about(proposal, margin, patients)
        | {
            "rounds": [_document(of_round, margin) for of_round in rounds],
            "cost": costs.race((of_round.epochs, of_round.depths) for of_round in rounds).document(costs.sweep())
            | {"sweep_depths": costs.swept, "sweep_epochs": costs.epochs},
        },
        sensitivity={f"{value:g}": _chosen(others, costs.full, value) for value in MARGINS},
        verdict=f"{raced(found, costs.full, patients, terms)} {remark}".strip(),
    )


def too_few(proposal: DepthChoice, num_patients: int, margin: float) -> DepthChoice:
    """The answer where the selection patients are too few to judge: nothing is trained for it."""
    return DepthChoice(
        status="inconclusive",
        num_blocks=None,
        reason=f"A race is judged on at least {MIN_PAIRS} selection patients, and this run has {num_patients}: train "
        f"with data.selection_patients = {MIN_PAIRS} or more, or with as many in the file of data.split. Nothing was "
        f"raced, and the choice that was made before stands. {_of(proposal)}",
        criterion=TITLE,
        evidence=_about(proposal, margin, num_patients) | {"rounds": [], "cost": None},
        sensitivity={},
        verdict=f"Cannot say from {patients_in_words(num_patients)} whether these data need a transformer.",
    )


def _chosen(others: Mapping[int, Standing], full: int, margin: float) -> int | None:
    """The full depth only where every smaller one is shown to be inferior."""
    found = {depth: standing.verdict(margin) for depth, standing in others.items()}
    return full if all(verdict == "inferior" for verdict in found.values()) else smallest_not_inferior(found)


def _reason(chosen: int | None, others: Mapping[int, Standing], full: int, margin: float) -> str:
    if chosen is not None and chosen in others:
        return f"Of the depths raced, {chosen} is the smallest not inferior to {full}: {_numbers(others[chosen])}."
    told = "; ".join(f"{depth}: {_numbers(standing)}" for depth, standing in others.items())
    if chosen is None:
        return f"No smaller depth is shown to be not inferior to {full} by a margin of {margin:g}: {told}."
    return f"Every smaller depth raced is inferior to {full}: {told}."


def _numbers(standing: Standing) -> str:
    estimate = standing.against_full.estimate
    words = f"difference {estimate.mean:+.3f}"
    if estimate.ci95 is not None:
        words += f", 95 % interval {estimate.ci95[0]:+.3f} to {estimate.ci95[1]:+.3f}"
    return words.replace("-", "−")


def _of(proposal: DepthChoice) -> str:
    depth = "no depth" if proposal.num_blocks is None else str(proposal.num_blocks)
    return f"Proposed was {depth} ({proposal.criterion})."


def _about(proposal: DepthChoice, margin: float, patients: int) -> dict[str, Any]:
    document = proposal.model_dump(mode="json")
    return {"proposal": document, "margin": margin, "patients": patients, "gates": []}


def _document(of_round: Round, margin: float) -> dict[str, Any]:
    return {"epochs": of_round.epochs, "depths": [standing.as_json(margin) for standing in of_round.standings]}
