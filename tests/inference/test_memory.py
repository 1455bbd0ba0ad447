import pytest
import torch
from torch import Tensor, nn

from trimformer.inference.memory import peak_memory_mb

SLICES = 8 * 16 * 16 * 4
"""Bytes of a batch of one channel in float32."""


def network(*, inplace: bool) -> nn.Sequential:
    """1 to 4 to 1 channels: 32 bytes of weights."""
    return nn.Sequential(nn.Conv2d(1, 4, 1, bias=False), nn.ReLU(inplace), nn.Conv2d(4, 1, 1, bias=False))


class Forgetful(nn.Module):
    """Makes 6 channels and drops them before it makes 2."""

    def forward(self, images: Tensor) -> Tensor:
        wide = images.repeat(1, 6, 1, 1)
        total = wide.sum()
        del wide
        return images.repeat(1, 2, 1, 1) + total


class Viewing(nn.Module):
    """Views share their tensor's memory."""

    def forward(self, images: Tensor) -> Tensor:
        return images.repeat(1, 2, 1, 1).view(8, 1, 32, 16).transpose(2, 3)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (network(inplace=False), 32 + SLICES * (1 + 4 + 4)),  # images, and the ReLU's two sides
        (network(inplace=True), 32 + SLICES * (1 + 4 + 1)),  # one side, and the last result beside it
        (Forgetful(), 4 + SLICES * (1 + 6)),  # its sum is one number more
        (Viewing(), SLICES * (1 + 2)),
    ],
)
def test_the_peak_is_what_is_counted_by_hand(model: nn.Module, expected: int) -> None:
    assert peak_memory_mb(model, in_channels=1, image_size=16) * 1e6 == pytest.approx(expected)
    assert torch.is_grad_enabled()


def test_a_tensor_under_two_names_counts_once() -> None:
    layer = nn.Conv2d(1, 1, 1, bias=False)
    assert peak_memory_mb(nn.Sequential(layer, layer), 1, 16) * 1e6 == pytest.approx(4 + 3 * SLICES)
