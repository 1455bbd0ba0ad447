import pytest
import torch

from trimformer.models.controls import PlainUNet
from trimformer.records.errors import UserError


@pytest.mark.parametrize(("size", "millions"), [("base", 6.5), ("small", 1.6), ("tiny", 0.4)])
def test_the_u_nets_of_the_measured_facts(size: str, millions: float) -> None:
    with torch.device("meta"):
        model = PlainUNet(num_classes=4, size=size)
    assert round(sum(parameter.numel() for parameter in model.parameters()) / 1e6, 1) == millions


@pytest.mark.parametrize("in_channels", [1, 3])
def test_logits_on_the_images_grid(in_channels: int) -> None:
    model = PlainUNet(num_classes=4, size="tiny", image_size=48, in_channels=in_channels)
    assert model(torch.randn(2, in_channels, 48, 48)).shape == (2, 4, 48, 48)


def test_a_size_that_cannot_be_halved_four_times_is_refused() -> None:
    with pytest.raises(UserError, match="multiple of 16; found 40"):
        PlainUNet(num_classes=4, image_size=40)
