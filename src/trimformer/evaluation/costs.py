"""What each model costs to run: measured once for each architecture, the architectures in turn."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from trimformer.evaluation.exports import Export
from trimformer.evaluation.rows import Candidate
from trimformer.inference.device import default_device
from trimformer.inference.latency import Latency, measure_latency
from trimformer.inference.memory import MEGABYTE, peak_memory_mb
from trimformer.inference.predict import Network, model_network
from trimformer.inference.resident import resident_growth_mb
from trimformer.inference.sized_network import SizedNetwork
from trimformer.models import load_model
from trimformer.models.anatomy.operations import Operations, count_operations
from trimformer.models.anatomy.parameters import ParameterCount, count_parameters
from trimformer.models.segmentation_model import SegmentationModel
from trimformer.records.progress import Progress, silent

LIBRARIES = ("trimformer.models", "timm", "monai.networks.nets")
"""What a run's model is built from."""


@dataclass(frozen=True)
class Anatomy:
    """What follows from a model's layers alone, be it computed by torch or by another library."""

    parameters: ParameterCount
    operations: Operations
    trunk: str | None

    @classmethod
    def of(cls, model: SegmentationModel) -> "Anatomy":
        """Count the parameters of a model and the operations for one slice."""
        operations = count_operations(model, model.image_size, model.in_channels)
        return cls(count_parameters(model), operations, model.settings["trunk"])


@dataclass(frozen=True)
class Costs:
    """The costs of one model: operations of one slice, memory of a batch of 8, the size of the file of its weights.

    Of an export nobody knows how much its tensors hold, and the anatomy is that of its run. What a process grows by is
    measured where an export is among the models, since it is what all of them have in common.
    """

    anatomy: Anatomy | None
    latency: Latency
    peak_memory_mb: float | None
    resident_mb: float | None
    file_size_mb: float


@dataclass(frozen=True, eq=False)
class _Subject:
    """A model that is measured; `model` is None for an export, which torch does not compute."""

    network: SizedNetwork
    reopen: Callable[[], Network]
    libraries: tuple[str, ...]
    anatomy: Anatomy | None
    model: SegmentationModel | None
    file_size_mb: float


def measure_costs(
    candidates: Sequence[Candidate], unscored: Sequence[Export] = (), progress: Progress = silent
) -> list[Costs]:
    """Measure every candidate, then every export that is none; runs of one architecture share one measurement.

    Exports run on the CPU, and so does everything that is measured beside one.

    Raises:
        UserError: A run has no weights, or they are damaged.
    """
    exports = any(candidate.export for candidate in candidates) or bool(unscored)
    device = torch.device("cpu") if exports else default_device()
    subjects: dict[str, _Subject] = {}
    keys = [_keep(subject, key, subjects) for key, subject in _subjects(candidates, unscored, device)]
    latencies = measure_latency([subject.network for subject in subjects.values()], progress=progress)
    found = {}
    for (key, subject), latency in zip(subjects.items(), latencies, strict=True):
        found[key] = _costs(subject, latency, resident=exports)
        progress("measuring costs", len(found), len(subjects))
    return [found[key] for key in keys]


def _keep(subject: _Subject, key: str, subjects: dict[str, _Subject]) -> str:
    subjects.setdefault(key, subject)
    return key


def _subjects(
    candidates: Iterable[Candidate], unscored: Iterable[Export], device: torch.device
) -> Iterator[tuple[str, _Subject]]:
    """Every model with a key that those share which are measured once."""
    for candidate in candidates:
        if candidate.export is not None:
            yield str(candidate.path), _of_export(candidate.export, _anatomy_of_run(candidate))
            continue
        model = load_model(candidate.run.path).to(device)
        size = candidate.run.weights_file.stat().st_size / MEGABYTE
        reopen = partial(_reopen_run, candidate.run.path)
        subject = _Subject(SizedNetwork.of(model), reopen, LIBRARIES, Anatomy.of(model), model, size)
        yield json.dumps(model.settings, sort_keys=True), subject
    for export in unscored:
        yield str(export.file), _of_export(export, None)


def _of_export(export: Export, anatomy: Anatomy | None) -> _Subject:
    return _Subject(export.network, export.reopen, export.libraries, anatomy, None, export.file_size_mb)


def _anatomy_of_run(candidate: Candidate) -> Anatomy | None:
    """That of the run of an export; None for the user's own network, whose program nobody asked to start."""
    return None if candidate.experiment.model.target else Anatomy.of(load_model(candidate.run.path))


def _reopen_run(path: Path) -> Network:
    return model_network(load_model(path))


def _costs(subject: _Subject, latency: Latency, *, resident: bool) -> Costs:
    channels, size = subject.network.in_channels, subject.network.image_size
    return Costs(
        anatomy=subject.anatomy,
        latency=latency,
        peak_memory_mb=None if subject.model is None else peak_memory_mb(subject.model, channels, size),
        resident_mb=resident_growth_mb(subject.reopen, channels, size, subject.libraries) if resident else None,
        file_size_mb=subject.file_size_mb,
    )
