"""Where tokens lie that a network picked out, sorted or pooled."""

import torch
from foreign_networks import IMAGES, WIDTH, OwnNetwork
from torch import Tensor

from trimformer.attention.calls.fused import see_functions
from trimformer.attention.calls.positions import PositionTracer
from trimformer.attention.recording.record import Recording, record_attention


class Choosing(OwnNetwork):
    """Its blocks see the patches that are chosen, by their numbers (batch, chosen)."""

    def __init__(self, chosen: Tensor) -> None:
        super().__init__()
        self.chosen = chosen

    def forward(self, images: Tensor) -> Tensor:
        tokens: Tensor = self.patches(images)
        tokens = tokens.gather(1, self.chosen[..., None].expand(-1, -1, WIDTH))
        for block in self.blocks:
            tokens = block(tokens=tokens)
        return tokens


def recorded(chosen: list[list[int]]) -> Recording:
    network = Choosing(torch.tensor(chosen)).eval()
    with torch.no_grad(), record_attention(network) as recording:
        network(IMAGES)
    return recording


def test_patches_that_are_sorted_alike_in_all_images_keep_their_places() -> None:
    recording = recorded([[5, 0, 15, 2]] * 2)
    expected = [[12.0, 12.0], [4, 4], [28, 28], [4, 20]]
    assert recording.grids["blocks.0"].query_px[0].tolist() == expected
    assert recording.grid_size is None


def test_patches_that_each_image_chose_for_itself_have_no_place_and_no_grid_is_made_up() -> None:
    recording = recorded([[5, 0, 15, 2], [1, 2, 3, 4]])
    assert recording.maps["blocks.0"].shape == (2, 3, 4, 4)
    assert recording.grids == {}
    assert recording.grid_size is None


def test_the_largest_of_several_stands_in_their_middle() -> None:
    tracer, images = PositionTracer(), torch.zeros(2, 1, 4, 4)
    tracer.begin(images)
    with torch.no_grad(), see_functions(lambda *_: None, tracer.ran):
        largest = images.view(2, 1, 2, 2, 4).amax(dim=3)
        values, _ = images.max(-1, keepdim=True)
    assert [axis[1, 0, :, 0].tolist() for axis in (tracer.of(largest) or ())] == [[2, 2], [1, 3], [0.5, 0.5]]
    assert [axis[0, 0, :, 0].tolist() for axis in (tracer.of(values) or ())] == [[1] * 4, [0.5, 1.5, 2.5, 3.5], [2] * 4]
