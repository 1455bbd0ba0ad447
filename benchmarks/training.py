"""What a training step reaches of this machine, as ratios measured in one process: `python benchmarks/training.py`.

Prints one line a figure: what was measured, and the bound that it is held to. Ends with 1 where a bound is broken.
Every model is trained by Lightning as `trimformer train` does it, in bfloat16 on the processor. Between its steps, in
turn, the best bfloat16 matrix product is looked for and the same model takes a plain step in float32.
"""

import argparse
import logging
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from data import Figure, seconds
from lightning.pytorch.profilers import SimpleProfiler
from monai.losses.dice import DiceCELoss
from torch import Tensor, nn

from trimformer.data.preparation.native_grid import NativeGrid
from trimformer.data.preparation.slices import PatientSlices
from trimformer.data.preprocessing import Preprocessing
from trimformer.data.training_set import SliceDataset
from trimformer.models import create_model
from trimformer.models.anatomy.operations import count_operations
from trimformer.records.settings import TrainingSettings
from trimformer.training.batches import training_batches
from trimformer.training.checkpoints import WholeCheckpointIO
from trimformer.training.task import SegmentationTask

SHARES = {"unetr": 0.80, "cats": 0.80, "transunet": 0.70}
"""The least share of the matrix peak, by model."""

IMAGE_SIZE, BATCH_SIZE, NUM_CLASSES = 224, 8, 9
PASSES = 3
"""Forwards, and backwards for features and for weights."""
EPOCH = 160
"""Steps of an epoch, which writes one checkpoint: IBSR 18's 1280 training slices in batches of 8."""
PRODUCTS = ((1568, 3072, 768), (2048, 2048, 2048), (4096, 4096, 4096), (12544, 1024, 1024))
"""Rows, columns and inner length of the matrix products; the first is an MLP's on the tokens of a batch."""
FETCHING, STEPPING = "[_TrainingEpochLoop].train_dataloader_next", "run_training_batch"
"""What Lightning's profiler calls waiting for a batch and working on it."""


def main() -> None:
    """Train each model for a few steps and print every figure."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--only", choices=SHARES, action="append", help="one model; may be given several times")
    arguments.add_argument("--size", default="base", choices=("base", "small", "tiny"))
    arguments.add_argument("--steps", type=int, default=4, help="measured steps, of which the best counts")
    arguments.add_argument("--image-size", type=int, default=IMAGE_SIZE, help="rows = columns of a slice")
    given = arguments.parse_args()
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)  # its advice is for others
    warnings.filterwarnings("ignore", module="lightning.*")
    holds = True
    for name in given.only or SHARES:
        for figure in measured(name, given.size, given.image_size, given.steps):
            print(figure, flush=True)
            holds = holds and figure.holds
    sys.exit(not holds)


@dataclass
class Turns(L.Callback):  # type: ignore[misc] # Lightning is read without types
    """After each step of a training: matrix products, and a plain step."""

    plain_step: Callable[[], object]
    peak: float = 0.0
    plain_seconds: list[float] = field(default_factory=list)

    def on_train_batch_end(self, *_: Any) -> None:
        """Everything but the step itself, which Lightning times."""
        self.peak = max(self.peak, *map(product_rate, PRODUCTS))
        self.plain_seconds.append(seconds(self.plain_step))


def measured(name: str, size: str, image_size: int, steps: int) -> Iterator[Figure]:
    """The figures of one model."""
    model, plain = (
        create_model(name, num_classes=NUM_CLASSES, size=size, image_size=image_size, weights="none") for _ in range(2)
    )
    operations = 2 * PASSES * BATCH_SIZE * count_operations(model, image_size).by_kernel
    settings = TrainingSettings(batch_size=BATCH_SIZE)
    profiler, turns = SimpleProfiler(), Turns(plain_step(plain, image_size))
    with tempfile.TemporaryDirectory() as folder:
        slices = SliceDataset([made_patient(Path(folder), (1 + steps) * BATCH_SIZE, image_size)])
        trainer = L.Trainer(
            max_epochs=1,
            accelerator="cpu",
            precision="bf16-mixed",
            profiler=profiler,
            callbacks=[turns],
            plugins=[WholeCheckpointIO()],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(SegmentationTask(model, settings, seed=0), training_batches(slices, settings, seed=0))
        writing = seconds(lambda: trainer.save_checkpoint(Path(folder) / "last.ckpt"))
    durations = profiler.recorded_durations
    step, waiting = min(durations[STEPPING][1:]), float(np.median(durations[FETCHING][1:]))
    yield Figure(f"{name}: share of the matrix peak", operations / step / turns.peak, SHARES[name], is_floor=True)
    yield Figure(f"{name}: times as fast as plain float32", min(turns.plain_seconds[1:]) / step, 2, is_floor=True)
    yield Figure(f"{name}: waiting for data, % of a step", 100 * waiting / step, 2, is_floor=False)
    yield Figure(f"{name}: writing a checkpoint, % of an epoch", 100 * writing / (EPOCH * step), 1, is_floor=False)


def plain_step(model: nn.Module, image_size: int) -> Callable[[], object]:
    """A step of the same model without any of what makes it fast: float32, rows last, an optimiser weight by weight."""
    images = torch.randn(BATCH_SIZE, 1, image_size, image_size)
    labels = torch.randint(0, NUM_CLASSES, (BATCH_SIZE, 1, image_size, image_size))
    loss = DiceCELoss(softmax=True, to_onehot_y=True, batch=True, lambda_dice=0.5, lambda_ce=0.5)
    optimizer = torch.optim.AdamW(model.parameters(), foreach=False, fused=False)

    def step() -> None:
        optimizer.zero_grad()
        result: Tensor = loss(model(images), labels)
        result.backward()
        optimizer.step()

    return step


def product_rate(shape: tuple[int, int, int], repetitions: int = 3) -> float:
    """Operations a second of the best of some bfloat16 matrix products; a multiplication and an addition are two."""
    rows, columns, inner = shape
    left, right = torch.randn(rows, inner, dtype=torch.bfloat16), torch.randn(inner, columns, dtype=torch.bfloat16)
    best = min(seconds(lambda: left @ right) for _ in range(repetitions))
    return 2 * rows * columns * inner / best


def made_patient(folder: Path, count: int, image_size: int) -> PatientSlices:
    """Slices that are mapped from disk, as prepared ones are."""
    random = np.random.default_rng(0)
    images = random.standard_normal((count, 1, image_size, image_size)).astype(np.float16)
    labels = random.integers(0, NUM_CLASSES, (count, image_size, image_size), np.uint8)
    for name, array in (("images", images), ("labels", labels)):
        np.save(folder / f"{name}.npy", array)
    mapped = [np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("images", "labels")]
    grid = NativeGrid.of((image_size, image_size, count), np.eye(4), Preprocessing(image_size))
    return PatientSlices("made", mapped[0], mapped[1], grid, (1.0, 1.0))


if __name__ == "__main__":
    main()
