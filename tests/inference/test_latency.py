import time

import torch
from torch import Tensor, nn

from trimformer.inference.latency import milliseconds_per_slice


class Slow(nn.Module):
    def __init__(self, seconds: float, first: float = 0.0) -> None:
        super().__init__()
        self.seconds, self.next = seconds, seconds + first
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, images: Tensor) -> Tensor:
        time.sleep(self.next)
        self.next = self.seconds
        self.shapes.append(tuple(images.shape))
        return images


def test_the_median_leaves_out_the_first_round_and_counts_slices() -> None:
    fast, slow = Slow(0.002, first=0.2), Slow(0.06)
    milliseconds = milliseconds_per_slice([fast, slow], in_channels=2, image_size=16, batch_size=4, rounds=3)
    assert 0.5 <= milliseconds[0] < milliseconds[1]
    assert milliseconds[1] >= 15
    assert fast.shapes == slow.shapes == [(4, 2, 16, 16)] * 4
    assert torch.is_grad_enabled()
