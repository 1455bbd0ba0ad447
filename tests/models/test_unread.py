from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from trimformer.models.sizes import SIZES
from trimformer.models.trunks import TimmTrunk
from trimformer.models.unread import Unread, leave_out_unread

IMAGE = torch.linspace(-1, 1, 16).view(1, 1, 4, 4)


class Network(nn.Module):
    """Two stages that are read, two that are not, and one whose shape another takes."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 2, 1)
        self.second = nn.Sequential(nn.Conv2d(2, 3, 1), nn.ReLU())
        self.third = nn.Sequential(nn.Conv2d(3, 5, 1), nn.BatchNorm2d(5))
        self.fourth = nn.Conv2d(5, 7, 1)
        self.shape_alone = nn.Conv2d(1, 2, 1)

    def forward(self, image: Tensor) -> list[Tensor]:
        first = self.first(image)
        second = self.second(first)
        self.fourth(self.third(second))
        return [first, second + torch.zeros_like(self.shape_alone(image)).sum(dim=1, keepdim=True)]


def sizes_alone(self: Network, image: Tensor) -> Sequence[Tensor]:
    return [self.first(image)[:, : self.shape_alone(image).shape[1]]]


def unread(network: nn.Module) -> list[str]:
    return [name for name, module in network.named_modules() if isinstance(module, Unread)]


def test_what_is_read_stays_and_what_is_not_goes() -> None:
    network = Network().eval()
    before = network(IMAGE)
    leave_out_unread(network, lambda: network(IMAGE))
    assert all(torch.equal(one, other) for one, other in zip(before, network(IMAGE), strict=True))
    assert unread(network) == ["third", "fourth", "shape_alone"]
    assert {name.partition(".")[0] for name in network.state_dict()} == {"first", "second"}


def test_a_module_whose_shape_is_asked_for_is_left() -> None:
    network = Network().eval()
    leave_out_unread(network, lambda: sizes_alone(network, IMAGE))
    assert unread(network) == ["second", "third", "fourth"]


@pytest.mark.parametrize(("name", "parameters"), [("efficientnet_b0", 851_808), ("mobilenetv3_small_100", 190_520)])
def test_stages_below_the_deepest_level_are_left_out_of_trunks(name: str, parameters: int) -> None:
    with torch.device("meta"):
        trunk = TimmTrunk(name, (16,), SIZES["base"], image_size=64, in_channels=3)
    assert sum(parameter.numel() for parameter in trunk.parameters()) == parameters
