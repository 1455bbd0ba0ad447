"""`manifest.json`: what a run was made with."""

import os
import platform
from importlib.metadata import version
from typing import Any

import torch

from trimformer.data.dataset import Dataset
from trimformer.models import SegmentationModel
from trimformer.records.errors import UserError
from trimformer.records.experiment import Experiment
from trimformer.training.devices import describe_processes
from trimformer.training.teacher import describe_teacher

LIBRARIES = ("torch", "timm", "monai", "lightning", "numpy", "nilearn")


def describe_run(experiment: Experiment, dataset: Dataset, model: SegmentationModel, precision: str) -> dict[str, Any]:
    """Versions, seed, data fingerprint, what became of every weight, the teacher, processes and hardware."""
    return {
        "trimformer": version("trimformer"),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "seed": experiment.seed,
        "data": {
            "dataset": dataset.name,
            "layout": dataset.layout,
            "labels": {str(value): name for value, name in dataset.labels.items()},
            "channels": dataset.num_channels,
            "preprocessing": dataset.preprocessing,
            "orientations": dataset.orientations,
            "intensities": dataset.intensities,
            "note": dataset.note,
            "fingerprint": dataset.fingerprint,
            "training": [patient.patient_id for patient in dataset.training],
            "selection": [patient.patient_id for patient in dataset.selection],
            "validation": [patient.patient_id for patient in dataset.validation],
        },
        "weights": model.weights_report.document(),
        "teacher": describe_teacher(experiment),
        "precision": precision,
        "processes": describe_processes(model, experiment.training.batch_norm),
        "hardware": describe_hardware(),
    }


CHANGING = ("trimformer", "python", "libraries", "precision", "processes", "hardware")
"""What may differ where a run goes on."""


def with_resume(manifest: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """The manifest of a run that goes on: as it began, with what differs since then added under `resumed`."""
    known = [manifest, *manifest.get("resumed", [])]
    latest = {name: next((each[name] for each in reversed(known) if name in each), None) for name in CHANGING}
    differs = {name: now[name] for name in CHANGING if name in now and now[name] != latest[name]}
    return {**manifest, "resumed": [*known[1:], differs]} if differs else manifest


def refuse_changed_data(manifest: dict[str, Any], dataset: Dataset) -> None:
    """Hold the data against those that a run which goes on has begun with.

    Raises:
        UserError: Files or sides are others by now.
    """
    if manifest["data"]["fingerprint"] != dataset.fingerprint:
        raise UserError(
            "A run goes on with the data that it began with",
            f"other files, settings or sides of {dataset.name}",
            "Restore them, or begin anew in a new folder.",
        )


def describe_hardware() -> dict[str, Any]:
    """The devices that torch sees and the processors of this machine."""
    devices = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpus": devices,
    }
