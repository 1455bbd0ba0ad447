"""`manifest.json`: what a run was made with."""

import os
import platform
from importlib.metadata import version
from typing import Any

import torch

from trimformer.data.dataset import Dataset
from trimformer.models import WeightsReport
from trimformer.records.experiment import Experiment
from trimformer.training.teacher import describe_teacher

LIBRARIES = ("torch", "timm", "monai", "lightning", "numpy", "nilearn")


def describe_run(experiment: Experiment, dataset: Dataset, weights: WeightsReport, precision: str) -> dict[str, Any]:
    """Versions, seed, data fingerprint, what became of every weight, the teacher, and hardware of a training."""
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
            "note": dataset.note,
            "fingerprint": dataset.fingerprint,
            "training": [patient.patient_id for patient in dataset.training],
            "selection": [patient.patient_id for patient in dataset.selection],
            "validation": [patient.patient_id for patient in dataset.validation],
        },
        "weights": weights.document(),
        "teacher": describe_teacher(experiment),
        "precision": precision,
        "hardware": describe_hardware(),
    }


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
