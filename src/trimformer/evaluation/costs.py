"""What each model costs to run: measured once for each architecture, the architectures in turn."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from trimformer.inference.device import default_device
from trimformer.inference.latency import milliseconds_per_slice
from trimformer.inference.memory import peak_memory_mb
from trimformer.models import load_model
from trimformer.models.anatomy.operations import Operations, count_operations
from trimformer.models.anatomy.parameters import ParameterCount, count_parameters
from trimformer.models.segmentation_model import SegmentationModel
from trimformer.records.progress import Progress, silent
from trimformer.records.run_folder import RunFolder


@dataclass(frozen=True)
class Costs:
    """The costs of one model: of one slice, save the memory, which is that of a batch of 8."""

    parameters: ParameterCount
    operations: Operations
    milliseconds_per_slice: float
    peak_memory_mb: float
    trunk: str | None


def measure_costs(runs: Sequence[RunFolder], progress: Progress = silent) -> list[Costs]:
    """Measure the model of every run; two with one architecture share one measurement.

    Raises:
        UserError: A run has no weights, or they are damaged.
    """
    models: dict[str, SegmentationModel] = {}
    keys = []
    for run in runs:
        model = load_model(run.path)
        keys.append(json.dumps(model.settings, sort_keys=True))
        models.setdefault(keys[-1], model.to(default_device()))
    milliseconds = milliseconds_per_slice(list(models.values()))
    found = {}
    for (key, model), time in zip(models.items(), milliseconds, strict=True):
        found[key] = _costs(model, time)
        progress("measuring costs", len(found), len(models))
    return [found[key] for key in keys]


def _costs(model: SegmentationModel, milliseconds: float) -> Costs:
    channels, size = model.in_channels, model.image_size
    return Costs(
        parameters=count_parameters(model),
        operations=count_operations(model, size, channels),
        milliseconds_per_slice=milliseconds,
        peak_memory_mb=peak_memory_mb(model, channels, size),
        trunk=model.settings["trunk"],
    )
