"""What decides the cost of a run: the classes and slices of its data, the size and operations of its model."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from trimformer.data.catalogue import load_dataset
from trimformer.data.layouts import emidec, ibsr18, synapse
from trimformer.data.preparation.slices import PatientSlices
from trimformer.models import SegmentationModel
from trimformer.models.anatomy.facts import create_without_data
from trimformer.models.anatomy.operations import count_operations
from trimformer.models.anatomy.parameters import count_parameters
from trimformer.records.errors import UserError
from trimformer.records.experiment import Experiment
from trimformer.records.progress import Progress
from trimformer.records.settings import DataSettings

PUBLISHED_CLASSES = {
    "ibsr18": len(ibsr18.CLASS_NAMES),
    "emidec": len(emidec.CLASS_NAMES),
    "synapse": len(synapse.ORDERS["transunet"]),
}
"""Classes, background left out, of the datasets whose labels are known without their files."""


@dataclass(frozen=True)
class DataCost:
    """Classes (background counted), channels and slices; None where `error` keeps them from being known."""

    num_classes: int | None
    in_channels: int = 1
    training_slices: int | None = None
    selection_slices: int = 0
    error: UserError | None = None


@dataclass(frozen=True)
class ModelCost:
    """Parameters, and multiply-accumulates of one slice, counted by call."""

    parameters: int
    multiply_accumulates: int


def costs_of_data(sections: Iterable[DataSettings], progress: Progress) -> dict[DataSettings, DataCost]:
    """What each section's files say; they are prepared for that, as the run itself would do."""
    return {section: _cost_of_data(section, progress) for section in dict.fromkeys(sections)}


def cost_of_model(experiment: Experiment, data: DataCost) -> ModelCost | None:
    """Size and operations of the experiment's model; None where its classes are not known.

    Raises:
        UserError: The settings describe no model.
    """
    model = model_without_data(experiment, data)
    if model is None:
        return None
    operations = count_operations(model, model.image_size, data.in_channels)
    return ModelCost(count_parameters(model).total, operations.by_call)


def model_without_data(experiment: Experiment, data: DataCost) -> SegmentationModel | None:
    """The experiment's model without its numbers; None where its classes are not known.

    Raises:
        UserError: The settings describe no model.
    """
    if data.num_classes is None:
        return None
    return create_without_data(**settings_without_weights(experiment, data))


def settings_without_weights(experiment: Experiment, data: DataCost) -> dict[str, Any]:
    """What the experiment says to `create_model`, random weights: others cost the same, and may not be there yet."""
    return {
        "num_classes": data.num_classes,
        "in_channels": data.in_channels,
        "image_size": experiment.data.image_size,
        **experiment.model.model_dump(exclude={"weights", "trunk_weights", "source_blocks", "permuted_blocks"}),
    }


def _cost_of_data(section: DataSettings, progress: Progress) -> DataCost:
    try:
        dataset = load_dataset(section, progress)
    except UserError as error:
        classes = PUBLISHED_CLASSES.get(section.dataset)
        return DataCost(None if classes is None else 1 + classes, error=error)
    return DataCost(
        1 + max(dataset.labels), dataset.num_channels, _num_slices(dataset.training), _num_slices(dataset.selection)
    )


def _num_slices(patients: Iterable[PatientSlices]) -> int:
    return sum(len(patient.images) for patient in patients)
