import time

import torch
from torch import Tensor

from trimformer.inference.latency import milliseconds_per_slice
from trimformer.models.segmentation_model import SegmentationModel


class Slow(SegmentationModel):
    def __init__(self, seconds: float, first: float = 0.0, image_size: int = 16) -> None:
        super().__init__(image_size, in_channels=2, stride=1, repeats_grey=False)
        self.seconds, self.next = seconds, seconds + first
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, images: Tensor) -> Tensor:
        time.sleep(self.next)
        self.next = self.seconds
        self.shapes.append(tuple(images.shape))
        return images


def test_the_median_leaves_out_the_first_round_and_counts_slices() -> None:
    fast, slow = Slow(0.002, first=0.2), Slow(0.06, image_size=8)
    milliseconds = milliseconds_per_slice([fast, slow], batch_size=4, rounds=3)
    assert 0.5 <= milliseconds[0] < milliseconds[1]
    assert milliseconds[1] >= 15
    assert fast.shapes == [(4, 2, 16, 16)] * 4
    assert slow.shapes == [(4, 2, 8, 8)] * 4
    assert torch.is_grad_enabled()
