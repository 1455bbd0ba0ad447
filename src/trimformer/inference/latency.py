"""How long a slice takes, models in turn in one process, so that ratios hold on a noisy machine."""

import statistics
import time
from collections.abc import Mapping

import torch
from torch import nn


@torch.inference_mode()
def milliseconds_per_slice(
    models: Mapping[str, nn.Module], image_size: int, batch_size: int = 8, rounds: int = 7
) -> dict[str, float]:
    """Median milliseconds a slice of each model's forward pass in float32, after one round that is not counted.

    Args:
        models: By name; each takes (batch, 1, image_size, image_size).
        image_size: Rows and columns of the slices, in pixels.
        batch_size: Slices a forward pass.
        rounds: Forward passes of each model that are counted; the models take turns.
    """
    images = torch.zeros(batch_size, 1, image_size, image_size)
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(rounds + 1):
        for name, model in models.items():
            begin = time.perf_counter()
            model.eval()(images)
            seconds[name].append(time.perf_counter() - begin)
    return {name: 1000 * statistics.median(values[1:]) / batch_size for name, values in seconds.items()}
