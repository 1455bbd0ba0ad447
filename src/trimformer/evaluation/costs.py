"""What each model costs to run: measured once for each architecture, the architectures in turn."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from trimformer.inference.device import default_device
from trimformer.inference.latency import Latency, measure_latency
from trimformer.inference.memory import MEGABYTE, peak_memory_mb
from trimformer.inference.sized_network import SizedNetwork
from trimformer.models import load_model
from trimformer.models.anatomy.operations import Operations, count_operations
from trimformer.models.anatomy.parameters import ParameterCount, count_parameters
from trimformer.models.segmentation_model import SegmentationModel
from trimformer.records.progress import Progress, silent
from trimformer.records.run_folder import RunFolder


@dataclass(frozen=True)
class Costs:
    """The costs of one model: operations of one slice, memory of a batch of 8, the size of the file of its weights."""

    parameters: ParameterCount
    operations: Operations
    latency: Latency
    peak_memory_mb: float
    file_size_mb: float
    trunk: str | None


def measure_costs(runs: Sequence[RunFolder], progress: Progress = silent) -> list[Costs]:
    """Measure the model of every run; two with one architecture share one measurement.

    Raises:
        UserError: A run has no weights, or they are damaged.
    """
    models: dict[str, SegmentationModel] = {}
    files: dict[str, float] = {}
    keys = []
    for run in runs:
        model = load_model(run.path)
        keys.append(json.dumps(model.settings, sort_keys=True))
        models.setdefault(keys[-1], model.to(default_device()))
        files.setdefault(keys[-1], run.weights_file.stat().st_size / MEGABYTE)
    latencies = measure_latency([SizedNetwork.of(model) for model in models.values()], progress=progress)
    found = {}
    for (key, model), latency in zip(models.items(), latencies, strict=True):
        found[key] = _costs(model, latency, files[key])
        progress("measuring costs", len(found), len(models))
    return [found[key] for key in keys]


def _costs(model: SegmentationModel, latency: Latency, file_size_mb: float) -> Costs:
    channels, size = model.in_channels, model.image_size
    return Costs(
        parameters=count_parameters(model),
        operations=count_operations(model, size, channels),
        latency=latency,
        peak_memory_mb=peak_memory_mb(model, channels, size),
        file_size_mb=file_size_mb,
        trunk=model.settings["trunk"],
    )
