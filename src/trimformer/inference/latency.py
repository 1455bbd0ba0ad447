"""How long a slice takes, models in turn in one process, so that ratios hold on a noisy machine."""

import statistics
import time
from collections.abc import Sequence

import torch
from torch import Tensor

from trimformer.models.segmentation_model import SegmentationModel


@torch.inference_mode()
def milliseconds_per_slice(models: Sequence[SegmentationModel], batch_size: int = 8, rounds: int = 7) -> list[float]:
    """Median milliseconds a slice of each model's forward pass in float32, after one round that is not counted.

    Args:
        models: Each on the device where its weights are; it is timed on slices of its own size and channels.
        batch_size: Slices a forward pass.
        rounds: Forward passes of each model that are counted; the models take turns.
    """
    images = [_images(model, batch_size) for model in models]
    seconds = [[_seconds(model, batch) for model, batch in zip(models, images, strict=True)] for _ in range(rounds + 1)]
    return [1000 * statistics.median(column) / batch_size for column in zip(*seconds[1:], strict=True)]


def _images(model: SegmentationModel, batch_size: int) -> Tensor:
    device = next((parameter.device for parameter in model.parameters()), None)
    return torch.zeros(batch_size, model.in_channels, model.image_size, model.image_size, device=device)


def _seconds(model: SegmentationModel, images: Tensor) -> float:
    begin = time.perf_counter()
    model.eval()(images)
    if images.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - begin
