"""The learning rate over a training."""

import math
from collections.abc import Callable
from functools import partial

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from trimformer.records.settings import TrainingSettings

POWER = 0.9
"""Of the polynomial, as in nnU-Net (Isensee et al. 2021) and DeepLab (Chen et al. 2017)."""

FALLS: dict[str, Callable[[float], float]] = {
    "constant": lambda _: 1.0,
    "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
    "polynomial": lambda done: (1 - done) ** POWER,
}
"""What is left of the learning rate, by the share of the steps after the warm-up that are done."""


def needs_schedule(settings: TrainingSettings) -> bool:
    """Whether the learning rate ever changes."""
    return settings.schedule != "constant" or settings.warmup_epochs > 0


def learning_rate_schedule(optimizer: Optimizer, settings: TrainingSettings, total_steps: int) -> LRScheduler:
    """The schedule of the settings, to be moved on after every step of the optimiser.

    Each is a function of the number of the step alone, so that a resumed run goes on with the same rates.

    Args:
        optimizer: Its learning rate is the largest of the schedule.
        settings: Schedule, epochs and epochs of warm-up.
        total_steps: Steps of the optimiser in all epochs.
    """
    if settings.schedule == "one_cycle":
        return OneCycleLR(optimizer, max_lr=settings.learning_rate, total_steps=total_steps)
    warmup_steps = total_steps * settings.warmup_epochs // settings.epochs
    fall = FALLS[settings.schedule]
    return LambdaLR(optimizer, partial(_factor, fall=fall, warmup_steps=warmup_steps, total_steps=total_steps))


def _factor(step: int, *, fall: Callable[[float], float], warmup_steps: int, total_steps: int) -> float:
    """Of the learning rate at a step, counted from 0; the first step of a warm-up is not at 0, it would be lost."""
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    return fall(min(1.0, (step - warmup_steps) / (total_steps - warmup_steps)))
