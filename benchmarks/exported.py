"""What an export to OpenVINO gains in time and loses in Dice: two parts of `benchmarks/deploy.py`."""

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from data import Figure
from torch import Tensor

from trimformer.data.catalogue import load_dataset
from trimformer.data.dataset import Dataset
from trimformer.deploy.export.export import export_run
from trimformer.deploy.export.integers import quantised
from trimformer.deploy.export.openvino_file import openvino_model
from trimformer.deploy.exported.open import open_export
from trimformer.deploy.exported.openvino_file import openvino_network
from trimformer.evaluation.evaluate import evaluate
from trimformer.inference.predict import Network, model_network, predict_labels
from trimformer.models import create_model, load_model
from trimformer.records.run_folder import RunFolder

NUM_CLASSES = 4
FULL_BLOCKS = 12

KEPT_BLOCKS = {"unetr": 3, "cats": 3, "transunet": 1}
"""What the paper keeps, of TransUNet the fewer of its two."""

TIMES_FASTER = {"unetr": 8, "cats": 8, "transunet": 6}

CALIBRATION_SLICES = 4
"""Of noise: how long an operation takes does not depend on the numbers."""

SLICES = 16
"""Of a turn of each network."""

ROUNDS = 7


def speed(name: str, size: str, blocks: int | None, image_size: int) -> Figure:
    """How many times faster a compressed model in int8 is than all blocks in eager fp32 PyTorch, on the same slices.

    Args:
        name: unetr, cats or transunet.
        size: base, small or tiny.
        blocks: Of the compressed model; None are those of the paper.
        image_size: Rows = columns of the slices.
    """
    blocks = KEPT_BLOCKS[name] if blocks is None else blocks
    full = create_model(name, num_classes=NUM_CLASSES, num_blocks=FULL_BLOCKS, size=size, image_size=image_size)
    small = create_model(
        name, num_classes=NUM_CLASSES, num_blocks=blocks, decoder="compressed", size=size, image_size=image_size
    )
    noise = torch.randn(CALIBRATION_SLICES, 1, image_size, image_size)
    integers = quantised(openvino_model(small.eval(), noise), noise)
    networks = {"full": model_network(full), "int8": openvino_network(integers, "int8")}
    best = milliseconds(networks, torch.randn(SLICES, 1, image_size, image_size))
    told = ", ".join(f"{milliseconds:.1f}" for milliseconds in best.values())
    title = f"{name}, {blocks} blocks in OpenVINO int8 for {FULL_BLOCKS} in eager fp32 PyTorch: times faster a slice"
    return Figure(f"{title} ({told} ms)", best["full"] / best["int8"], TIMES_FASTER[name], is_floor=True)


def milliseconds(networks: Mapping[str, Network], images: Tensor) -> dict[str, float]:
    """The best of some rounds of each network, a slice; they take turns, after one round that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in networks}
    for _ in range(ROUNDS + 1):
        for name, network in networks.items():
            begin = time.perf_counter()
            network(images)
            seconds[name].append(time.perf_counter() - begin)
    return {name: 1000 * min(measured[1:]) / len(images) for name, measured in seconds.items()}


def against_its_run(run: RunFolder, folder: Path) -> list[Figure]:
    """Exports of a trained run beside the run itself, on the patients that it is reported on.

    Args:
        run: Its training scans must be at hand.
        folder: For the exports.
    """
    dataset = load_dataset(run.experiment().data)
    networks = {"run": model_network(load_model(run.path))} | {
        precision: open_export(export_run(run, "openvino", folder / f"{precision}.xml", precision=precision)).network
        for precision in ("fp32", "int8")
    }
    labels = {
        name: {patient.patient_id: predict_labels(network, patient) for patient in dataset.validation}
        for name, network in networks.items()
    }
    dice = {name: mean_dice(own, dataset) for name, own in labels.items()}
    lost = (
        f"{run.name}: mean Dice {dice['run']:.4f} in fp32 PyTorch, {dice['int8']:.4f} in OpenVINO int8: per mille lost"
    )
    return [
        Figure(lost, 1000 * (dice["run"] - dice["int8"]), 5, is_floor=False),
        *(
            Figure(
                f"{run.name}: voxels with another label in OpenVINO {precision}, in %",
                percent_apart(labels["run"], labels[precision]),
                bound,
                is_floor=False,
            )
            for precision, bound in (("fp32", 0.1), ("int8", 100))
        ),
    ]


def mean_dice(labels: Mapping[str, np.ndarray], dataset: Dataset) -> float:
    """As `trimformer evaluate` counts it, of label maps by patient."""
    mean = evaluate(lambda patient: labels[patient.patient_id], dataset.validation, dataset.labels).mean
    assert mean is not None, "no patient has any of the labels"
    return mean


def percent_apart(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> float:
    """Voxels of all patients whose labels differ, in percent."""
    apart = sum(np.count_nonzero(labels != other[patient]) for patient, labels in one.items())
    return 100 * apart / sum(labels.size for labels in one.values())
