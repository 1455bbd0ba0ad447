"""Where the outputs of convolutions and poolings stand, worked by hand on 16 pixels."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trimformer.attention.calls.fused import see_functions
from trimformer.attention.calls.positions import PositionTracer

Network = Callable[[Tensor], Tensor]
SHARES_OF_4 = [2.0, 6, 10, 14]
SHARES_OF_2 = [1.0, 3, 5, 7, 9, 11, 13, 15]
EVERY = [index + 0.5 for index in range(16)]

PLACES: dict[str, tuple[Network, list[float]]] = {
    "patches": (nn.Conv2d(1, 2, 4, 4), SHARES_OF_4),
    "patches that leave the last pixel": (nn.Conv2d(1, 2, 5, 5), [2.5, 7.5, 12.5]),
    "patches that overlap": (nn.Conv2d(1, 2, 8, 4), [4, 8, 12]),
    "patches that overlap, padded": (nn.Conv2d(1, 2, 7, 4, 3), SHARES_OF_4),
    "fewer than are passed over, padded": (nn.Conv2d(1, 2, 3, 4, 1), EVERY[::4]),
    "every other pixel": (nn.Conv2d(1, 2, 1, 2), EVERY[::2]),
    "the same": (nn.Conv2d(1, 2, 3, padding="same"), EVERY),
    "a border less": (nn.Conv2d(1, 2, 3, padding="valid"), EVERY[1:-1]),
    "wide": (nn.Conv2d(1, 2, 3, dilation=2), EVERY[2:-2]),
    "between pixels": (nn.Conv2d(1, 2, 2), [float(index) for index in range(1, 16)]),
    "by name": (lambda images: F.conv2d(images, weight=torch.ones(1, 1, 4, 4), stride=4), SHARES_OF_4),
    "mean": (nn.AvgPool2d(2), SHARES_OF_2),
    "mean of every other": (nn.AvgPool2d(1, 2), EVERY[::2]),
    "largest": (nn.MaxPool2d(3, 2, 1), SHARES_OF_2),
    "adaptive": (nn.AdaptiveAvgPool2d(4), SHARES_OF_4),
    "filled up with pixels that stand nowhere": (
        lambda images: F.avg_pool2d(F.pad(images, (0, 0, 0, 2)), 6),
        [3, 9, 14],
    ),
}


@pytest.mark.parametrize("name", PLACES)
def test_an_output_stands_in_the_middle_of_what_it_stands_for(name: str) -> None:
    network, expected = PLACES[name]
    tracer, images = PositionTracer(), torch.zeros(2, 1, 16, 18 if "filled" in name else 16)
    tracer.begin(images)
    with torch.no_grad(), see_functions(lambda *_: None, tracer.ran):
        output = network(images)
    places = tracer.of(output)
    assert places is not None
    assert places[1][1, 0, :, 0].tolist() == pytest.approx(expected)


def test_what_becomes_finer_has_no_place() -> None:
    tracer, images = PositionTracer(), torch.zeros(1, 1, 4, 4)
    tracer.begin(images)
    with torch.no_grad(), see_functions(lambda *_: None, tracer.ran):
        output = nn.ConvTranspose2d(1, 1, 2, 2)(images)
    assert tracer.of(output) is None
