"""Give a new model the weights that its settings name."""

from trimformer.models.segmentation_model import SegmentationModel
from trimformer.models.weights.report import WeightsReport
from trimformer.records.errors import UserError


def load_weights(model: SegmentationModel, weights: str | None, trunk_weights: str | None = None) -> WeightsReport:
    """Fill a model with the named weights, in place, and say what became of every tensor."""
    if weights not in (None, "none") or trunk_weights not in (None, "none"):
        raise UserError(
            "A model is created with weights = none",
            repr(weights),
            "Train it, or compress a run to inherit its weights.",
        )
    return WeightsReport("none", initialised=tuple(model.state_dict()))
