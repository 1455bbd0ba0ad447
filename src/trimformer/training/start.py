"""The model that a training begins with."""

from trimformer.models import SegmentationModel, create_model
from trimformer.records.experiment import Experiment


def starting_model(experiment: Experiment, num_classes: int, in_channels: int) -> SegmentationModel:
    """The experiment's model before its first step; its `weights_report` says where its weights come from.

    Raises:
        UserError: The settings do not describe a model, or its weights cannot be had or do not fit.
    """
    return create_model(
        num_classes=num_classes,
        in_channels=in_channels,
        image_size=experiment.data.image_size,
        **experiment.model.model_dump(),
    )
