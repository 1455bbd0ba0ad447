"""How long a slice takes, models in turn in one process, so that ratios hold on a noisy machine."""

import statistics
import time
from collections.abc import Sequence

import torch
from torch import nn


@torch.inference_mode()
def milliseconds_per_slice(
    models: Sequence[nn.Module], in_channels: int, image_size: int, batch_size: int = 8, rounds: int = 7
) -> list[float]:
    """Median milliseconds a slice of each model's forward pass in float32, after one round that is not counted.

    Args:
        models: Each takes (batch, in_channels, image_size, image_size).
        in_channels: Channels of a slice.
        image_size: Rows and columns of the slices, in pixels.
        batch_size: Slices a forward pass.
        rounds: Forward passes of each model that are counted; the models take turns.
    """
    images = torch.zeros(batch_size, in_channels, image_size, image_size)
    seconds = [[_seconds(model, images) for model in models] for _ in range(rounds + 1)]
    return [1000 * statistics.median(column) / batch_size for column in zip(*seconds[1:], strict=True)]


def _seconds(model: nn.Module, images: torch.Tensor) -> float:
    begin = time.perf_counter()
    model.eval()(images)
    return time.perf_counter() - begin
