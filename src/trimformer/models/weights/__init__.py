"""Weights that a model begins with: from files, from the hub, from a run, from another model."""

from trimformer.models.weights.inherit import inherit_weights
from trimformer.models.weights.load import load_weights
from trimformer.models.weights.report import WeightsFile, WeightsReport

__all__ = ["WeightsFile", "WeightsReport", "inherit_weights", "load_weights"]
