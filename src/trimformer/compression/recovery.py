"""What the weights of a smaller model begin from."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from trimformer.records.choices import Recovery
from trimformer.records.errors import UserError
from trimformer.records.model_names import HYBRIDS
from trimformer.records.run_folder import RunFolder
from trimformer.records.settings import ModelSettings

RANDOM = "none"


def first_weights(run: RunFolder, kept: Sequence[int], weights: Recovery) -> dict[str, Any]:
    """The settings of `[model]` by which a smaller model finds the weights of the kept blocks, and all others.

    `scratch` of a user's own network is whatever its factory makes.

    Raises:
        UserError: The run did not begin from what is asked for.
    """
    model = run.experiment().model
    found = BEGINNINGS[weights](run, model)
    found["permuted_blocks"] = model.permuted_blocks and weights == "pretrained"
    if model.name not in HYBRIDS or found["weights"] == RANDOM:
        return found | {"source_blocks": None}
    source = model.source_blocks if weights == "pretrained" else None
    blocks = [source[index] for index in kept] if source else list(kept)
    return found | {"source_blocks": None if blocks == list(range(len(blocks))) else blocks}


def _pretrained(run: RunFolder, model: ModelSettings) -> dict[str, Any]:
    rule = "Pretrained weights are those that the run itself began from"
    if model.weights == RANDOM and model.trunk_weights in (None, RANDOM):
        begun = "what its factory made" if model.target else "random weights"
        raise UserError(rule, f"{begun} in {run.path}", "Give --weights inherited, distilled or scratch.")
    if Path(model.weights).is_dir():
        raise UserError(
            rule,
            f"the run {model.weights} in {run.path}",
            "Give --weights inherited or distilled, or compress that run.",
        )
    return {"weights": model.weights, "trunk_weights": model.trunk_weights}


def _inherited(run: RunFolder, _model: ModelSettings) -> dict[str, Any]:
    return {"weights": str(run.path.resolve()), "trunk_weights": None}


def _scratch(_run: RunFolder, _model: ModelSettings) -> dict[str, Any]:
    return {"weights": RANDOM, "trunk_weights": None}


BEGINNINGS: dict[Recovery, Callable[[RunFolder, ModelSettings], dict[str, Any]]] = {
    "pretrained": _pretrained,
    "inherited": _inherited,
    "distilled": _inherited,
    "scratch": _scratch,
}
