"""Runs shown in TensorBoard and MLflow: copies of what their folders hold, brought up to date as the folders grow."""

from trimformer.training.tracking.callback import Tracking
from trimformer.training.tracking.extra import refuse_missing_extra
from trimformer.training.tracking.mirrors import track

__all__ = ["Tracking", "refuse_missing_extra", "track"]
