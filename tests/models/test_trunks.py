from typing import Any

import pytest
import timm
import torch
import torch.nn.functional as F

from trimformer.models.sizes import SIZES
from trimformer.models.trunks import TimmTrunk
from trimformer.records.errors import UserError

STRIDES = (2, 4, 8, 16)


def trunk_of(name: str, strides: tuple[int, ...] = STRIDES, size: str = "base", image_size: int = 64) -> TimmTrunk:
    return TimmTrunk(name, strides, SIZES[size], image_size, in_channels=3)


@pytest.mark.parametrize(
    ("name", "parameters", "channels"),
    [
        ("resnet50", 8_543_296, [64, 256, 512, 1024]),
        ("resnet34", 8_170_304, [64, 64, 128, 256]),
        ("densenet121", 4_267_392, [64, 256, 512, 1024]),
    ],
)
def test_the_papers_trunks_at_base_size(name: str, parameters: int, channels: list[int]) -> None:
    with torch.device("meta"):
        trunk: Any = trunk_of(name)
        features = trunk(torch.empty(1, 3, 64, 64))
    assert sum(parameter.numel() for parameter in trunk.parameters()) == parameters
    assert [tuple(level.shape[1:]) for level in features] == [
        (width, 32 // 2**level, 32 // 2**level) for level, width in enumerate(channels)
    ]


@pytest.mark.parametrize(
    ("name", "widths"),
    [
        ("resnet50", (64, 64, 128, 256)),
        ("resnet34", (64, 16, 32, 64)),
        ("densenet121", (16, 64, 128, 256)),
        ("densenet161", (24, 96, 192, 528)),
        ("mobilenetv3_small_100", (16, 16, 24, 48)),
    ],
)
def test_resnets_and_densenets_alone_are_narrower_at_tiny_size(name: str, widths: tuple[int, ...]) -> None:
    with torch.device("meta"):
        assert trunk_of(name, size="tiny").widths == widths


@pytest.mark.parametrize(
    ("name", "strides_found"),
    [
        ("efficientnet_b0", (2, 4, 8, 16)),
        ("regnety_002", (2, 4, 8, 16)),
        ("mobilenetv3_small_100", (2, 4, 8, 16)),
        ("vgg11", (2, 4, 8, 16)),
        ("hrnet_w18_small", (2, 4, 8, 16)),
        ("inception_v3", (2, 4, 8, 16)),
        ("convnext_atto", (4, 8, 16)),
        ("tresnet_m", (4, 8, 16)),
        ("pvt_v2_b0", (4, 8, 16)),
        ("swin_tiny_patch4_window7_224", (4, 8, 16)),
        ("mambaout_femto", (4, 8, 16)),
        ("levit_128s", (16,)),
        ("vit_tiny_patch16_224", (16,)),
    ],
)
def test_every_family_of_timm_gives_maps_on_the_grids_of_the_strides(name: str, strides_found: tuple[int, ...]) -> None:
    with torch.device("meta"):
        trunk = trunk_of(name)
        features = trunk(torch.empty(2, 3, 64, 64))
    found = {stride: tuple(level.shape) for stride, level in zip(STRIDES, features, strict=True) if level is not None}
    assert tuple(found) == strides_found
    assert found == {
        stride: (2, width, 64 // stride, 64 // stride)
        for stride, width in zip(STRIDES, trunk.widths, strict=True)
        if width is not None
    }


def test_of_features_with_the_same_stride_the_deepest_is_taken() -> None:
    torch.manual_seed(0)
    trunk = trunk_of("vit_tiny_patch16_224", strides=(16,), image_size=32).eval()
    torch.manual_seed(0)
    vit = timm.create_model("vit_tiny_patch16_224", img_size=32, num_classes=0).eval()
    images = torch.randn(1, 3, 32, 32)
    vit.load_state_dict(
        {name.removeprefix("model."): tensor for name, tensor in trunk.network.state_dict().items()}, strict=False
    )
    expected = vit.forward_intermediates(images, indices=[11], intermediates_only=True)[0]
    (found,) = trunk(images)
    assert found is not None
    torch.testing.assert_close(found, expected)


def test_maps_with_channels_last_are_turned() -> None:
    trunk = trunk_of("mambaout_femto", strides=(16,), image_size=32).eval()
    images = torch.randn(1, 3, 32, 32)
    (raw,) = trunk.network(images)
    (found,) = trunk(images)
    assert found is not None
    assert torch.equal(found[0, 5], raw[0, :, :, 5])


def test_maps_of_another_grid_are_brought_to_that_of_the_stride() -> None:
    trunk = trunk_of("inception_v3", strides=(8,)).eval()
    images = torch.randn(1, 3, 64, 64)
    (raw,) = trunk.network(images)
    (found,) = trunk(images)
    assert raw.shape[2:] == (5, 5)
    torch.testing.assert_close(found, F.interpolate(raw, size=(8, 8), mode="bilinear"))


def test_a_trunk_ends_at_its_deepest_level() -> None:
    with torch.device("meta"):
        short, long = (trunk_of("resnet50", strides) for strides in ((8,), (2, 4, 8, 16)))
    assert not any(name.startswith("network.layer3") for name in short.state_dict())
    assert any(name.startswith("network.layer3") for name in long.state_dict())


def test_building_a_trunk_leaves_it_in_training_and_its_statistics_as_they_are() -> None:
    trunk = trunk_of("resnet34", size="tiny")
    assert trunk.network.bn1.training
    assert not trunk.network.bn1.running_mean.any()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("resnet51", r"network that timm knows; found 'resnet51'\. Similar names: resnet5"),
        ("no such thing", r"timm\.list_models\(\) names them"),
        ("resnet50.no_such_tag", "Invalid pretrained tag"),
        ("pit_b_224", "features of stride 16, where the tokens are; found strides 7, 14, 28 in pit_b_224"),
    ],
)
def test_what_cannot_be_a_trunk_is_told(name: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        trunk_of(name)


def test_an_image_that_the_trunk_cannot_take_is_told_with_its_size() -> None:
    with pytest.raises(UserError, match="for images of 72 x 72; found nest_base"):
        trunk_of("nest_base", strides=(8,), image_size=72)
