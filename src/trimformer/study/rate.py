"""How fast this machine trains, measured in a second on a piece that is like the models."""

import time
from functools import cache
from statistics import median

import torch
from torch import Tensor, nn

from trimformer.inference.device import default_device
from trimformer.training.precision import Precision, lightning_precision

CHANNELS = 64
ROWS = 56
BATCH = 8
REPETITIONS = 5

PROBE = f"a 3 x 3 convolution of {CHANNELS} channels with batch normalisation, forwards and backwards"
"""What is timed, in words."""


@cache
def training_rate(precision: Precision) -> float:
    """Multiply-accumulates a second of a training step here, all three passes counted.

    The median of a few steps of one convolution with its normalisation, on a batch of 8 maps of 56 x 56.
    """
    device = default_device()
    layer = nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False), nn.BatchNorm2d(CHANNELS), nn.ReLU())
    layer = layer.to(device).to(memory_format=torch.channels_last)
    shape = (BATCH, CHANNELS, ROWS, ROWS)
    maps = torch.zeros(shape, device=device).to(memory_format=torch.channels_last).requires_grad_()
    is_bf16 = lightning_precision(precision) == "bf16-mixed"
    with torch.autocast(device.type, torch.bfloat16, enabled=is_bf16):
        _seconds(layer, maps)  # the first step chooses its kernels
        seconds = median(_seconds(layer, maps) for _ in range(REPETITIONS))
    operations = 3 * BATCH * ROWS * ROWS * CHANNELS * CHANNELS * 9
    return operations / seconds


def _seconds(layer: nn.Module, maps: Tensor) -> float:
    begin = time.perf_counter()
    layer(maps).sum().backward()
    if maps.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - begin
