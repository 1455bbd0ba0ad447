"""What a reader must know before believing a table: unlike beginnings, missing controls, how often was trained."""

from collections.abc import Sequence

from trimformer.records.results import ModelRow, Results
from trimformer.report.families import has_transformer
from trimformer.report.formats import listed

BEGAN = {
    "scratch": "from scratch",
    "pretrained": "from pretrained weights",
    "inherited": "from the trained full model",
    "distilled": "from the trained full model, with it as teacher",
    "permuted": "from weights with the entries of their blocks shuffled",
}


def weights_remarks(results: Results) -> list[str]:
    """One sentence for each row of reference whose models began from weights of different sources."""
    remarks = []
    for reference in results.models:
        rows = [reference, *(row for row in results.models if row.reference == reference.name)]
        kinds = _by_weights([row for row in rows if has_transformer(row)])
        if len(kinds) > 1:
            began = "; ".join(f"{listed(names)} {BEGAN.get(weights, weights)}" for weights, names in kinds.items())
            remarks.append(f"Weights differ: {began}. What differs may come from the start as much as from the depth.")
    return [*remarks, *_controls_that_began_otherwise(results)]


def _by_weights(rows: Sequence[ModelRow]) -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {}
    for row in rows:
        if row.weights is not None:
            kinds.setdefault(row.weights, []).append(row.name)
    return kinds


def _controls_that_began_otherwise(results: Results) -> list[str]:
    began = {row.name: row.weights for row in results.models}
    controls = [row for row in results.models if row.weights and not has_transformer(row)]
    return [
        f"Weights differ: the control {row.name} began {BEGAN.get(row.weights or '', row.weights)}, "
        f"{row.reference} did not."
        for row in controls
        if row.reference in began and began[row.reference] != row.weights
    ]


def unscored_remarks(results: Results) -> list[str]:
    """One sentence for each model of which the costs alone are told."""
    return [f"{row.name} has costs, but no Dice: {row.unscored}" for row in results.models if row.unscored]


def missing_controls(results: Results) -> str:
    """Which control nobody trained, in a sentence; empty where both stand in the table."""
    networks = [row for row in results.models if row.parameters is not None]
    unet = any(not has_transformer(row) for row in networks)
    zero = any(row.num_blocks == 0 for row in networks)
    if unet and zero:
        return ""
    if not unet and not zero:
        return (
            "No control was trained: without a model of zero blocks and a plain U-Net nobody can say what the "
            "transformer adds at all."
        )
    if unet:
        return "No model of zero blocks was trained, so nobody can say what the transformer adds to this network."
    return "No plain U-Net was trained, so nobody can say what a network without a transformer reaches here."


def trainings(results: Results) -> tuple[int, int]:
    """How often the models were trained: the fewest and the most seeds of a network."""
    counts = [len(row.seeds) or 1 for row in results.models if row.parameters is not None] or [1]
    return min(counts), max(counts)
