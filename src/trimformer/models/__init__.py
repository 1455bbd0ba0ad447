"""The three hybrids, their control, and what is done with a model as a whole: create, count, store, inherit."""

from trimformer.models.anatomy.parameters import ParameterCount, count_parameters
from trimformer.models.catalogue import CATALOGUE, MONAI_CONTROLS, canonical_name, create_model
from trimformer.models.cutting import BlockAdapter
from trimformer.models.segmentation_model import SegmentationModel
from trimformer.models.storage import load_model, save_model
from trimformer.models.vit import VisionTransformer
from trimformer.models.weights import WeightsReport, inherit_weights, load_weights

__all__ = [
    "CATALOGUE",
    "MONAI_CONTROLS",
    "BlockAdapter",
    "ParameterCount",
    "SegmentationModel",
    "VisionTransformer",
    "WeightsReport",
    "canonical_name",
    "count_parameters",
    "create_model",
    "inherit_weights",
    "load_model",
    "load_weights",
    "save_model",
]
