"""The model that a training begins with."""

from pathlib import Path

from trimformer.models import SegmentationModel, create_model, inherit_weights, load_model
from trimformer.records.errors import UserError
from trimformer.records.experiment import Experiment


def starting_model(experiment: Experiment, num_classes: int) -> tuple[SegmentationModel, str]:
    """The experiment's model before its first step, and where its weights come from.

    With `weights` naming a run folder, everything that fits is inherited from that run's best weights; fewer blocks
    take the first ones.

    Raises:
        UserError: The settings do not describe a model, or the run to inherit from does not fit.
    """
    settings = experiment.model
    model = create_model(
        settings.name,
        num_classes=num_classes,
        num_blocks=settings.num_blocks,
        decoder=settings.decoder,
        size=settings.size,
        image_size=experiment.data.image_size,
        patch_size=settings.patch_size,
        trunk=settings.trunk,
    )
    if settings.weights == "none":
        return model, f"random, seed {experiment.seed}"
    if not Path(settings.weights).is_dir():
        raise UserError(
            "model.weights is none or a run folder to inherit from (this version reads no pretrained weights)",
            repr(settings.weights),
            "Give the folder of a finished run, or none.",
        )
    report = inherit_weights(model, load_model(settings.weights), range(settings.num_blocks or 0))
    new = ", ".join(report.initialised) or "none"
    return model, f"inherited from {settings.weights}: {len(report.copied)} tensors; left random: {new}"
