"""How long a training step of a run takes here, measured on its own model."""

import time
from collections.abc import Callable

import torch

from trimformer.inference.device import default_device
from trimformer.models import create_model
from trimformer.records.experiment import Experiment
from trimformer.study.costs import DataCost, settings_without_weights
from trimformer.training.loss import dice_cross_entropy
from trimformer.training.optimizer import create_optimizer
from trimformer.training.precision import lightning_precision
from trimformer.training.recomputation import recompute_blocks
from trimformer.training.written_out import write_out_attention

MOST_STEPS, ENOUGH_SECONDS = 10, 4.0
"""So many steps are timed, and no further one after so many seconds; the first ones still ask for memory."""


class StepTimes:
    """Seconds of a training step here, measured once for runs whose models differ in nothing but their weights."""

    def __init__(self) -> None:
        self._known: dict[str, float] = {}

    def seconds(self, experiment: Experiment, data: DataCost) -> float:
        """The best of a few steps of the run's own network, batch size, loss and optimiser, on random slices."""
        training = experiment.training
        by_muon = training.muon_learning_rate is not None
        told = (training.batch_size, training.precision, training.checkpoint_blocks, by_muon)
        kind = repr((settings_without_weights(experiment, data), told))
        if kind not in self._known:
            self._known[kind] = _best_seconds(_training_step(experiment, data))
        return self._known[kind]


def _training_step(experiment: Experiment, data: DataCost) -> Callable[[], None]:
    """One step of the run's training, without what a training does between two of them."""
    device, settings = default_device(), experiment.training
    model = create_model(**settings_without_weights(experiment, data)).train()
    model = model.to(device).to(memory_format=torch.channels_last)
    if settings.checkpoint_blocks:
        recompute_blocks(model)
    precision = lightning_precision(settings.precision)
    write_out_attention(model, device, precision)
    optimizer = create_optimizer(model, settings)
    side = model.image_size
    images = torch.randn(settings.batch_size, data.in_channels, side, side, device=device)
    images = images.to(memory_format=torch.channels_last)
    labels = torch.randint(data.num_classes or 1, (settings.batch_size, side, side), device=device)

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16-mixed"):
            logits = model(images)
        optimizer.zero_grad()
        dice_cross_entropy(logits.float(), labels).backward()
        optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()

    return step


def _best_seconds(step: Callable[[], None]) -> float:
    step()  # the first one chooses its kernels
    times: list[float] = []
    while len(times) < MOST_STEPS and sum(times) < ENOUGH_SECONDS:
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    return min(times)
