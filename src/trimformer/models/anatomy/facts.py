"""What there is to know of a model before it is trained: parameters, operations, taps, weights to begin with."""

from dataclasses import asdict, dataclass
from typing import Any

import torch

from trimformer.models.anatomy.operations import Operations, count_operations
from trimformer.models.anatomy.parameters import ParameterCount, count_parameters
from trimformer.models.catalogue import create_model
from trimformer.models.segmentation_model import SegmentationModel
from trimformer.models.weights.hub import pretrained_names
from trimformer.records.errors import UserError


@dataclass(frozen=True)
class ModelFacts:
    """The figures of one model."""

    settings: dict[str, Any]
    parameters: ParameterCount
    operations: Operations
    taps: tuple[int, ...]
    """After how many blocks the decoder reads the tokens; empty without a transformer."""
    token_grid: tuple[int, int] | None
    weights: dict[str, str]
    """Names on the hub of what `weights = "imagenet21k"` fetches, by part; empty where there are none."""

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "name": self.settings["name"],
            "settings": self.settings,
            "parameters": asdict(self.parameters) | {"total": self.parameters.total},
            "multiply_accumulates": asdict(self.operations),
            "taps": list(self.taps),
            "token_grid": self.token_grid and list(self.token_grid),
            "weights": self.weights,
        }


def model_facts(model: SegmentationModel) -> ModelFacts:
    """Count and look up everything; the model may be one without data."""
    transformer = getattr(model, "transformer", None)
    return ModelFacts(
        settings=model.settings,
        parameters=count_parameters(model),
        operations=count_operations(model, model.image_size, model.in_channels),
        taps=tuple(getattr(transformer, "taps", ())),
        token_grid=getattr(transformer, "grid_size", None),
        weights=_weights(model.settings),
    )


def create_without_data(**settings: Any) -> SegmentationModel:
    """A model as `create_model` makes it, but without numbers in it where that is possible: it costs no time.

    Raises:
        UserError: A setting is outside its rule.
    """
    try:
        with torch.device("meta"):
            return create_model(**settings)
    except (RuntimeError, UserError):  # a network that computes while it is built; a true mistake is raised again
        return create_model(**settings)


def _weights(settings: dict[str, Any]) -> dict[str, str]:
    try:
        return pretrained_names(settings)
    except UserError:  # a trunk of timm that has no weights
        return {}
