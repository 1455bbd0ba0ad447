from typing import Any

import pytest
import torch
from monai.networks.nets import AttentionUnet, BasicUNetPlusPlus

from trimformer.models import create_model
from trimformer.models.controls import MONAI_NETWORKS, RECIPES
from trimformer.records.errors import UserError


def control(name: str, **changes: Any) -> Any:
    return create_model(name, **{"num_classes": 3, "size": "tiny", "image_size": 32, **changes})


@pytest.mark.parametrize(("size", "millions"), [("base", 6.5), ("small", 1.6), ("tiny", 0.4)])
def test_the_u_nets_of_the_measured_facts(size: str, millions: float) -> None:
    with torch.device("meta"):
        model = create_model("unet", num_classes=4, size=size)
    assert round(count(model) / 1e6, 1) == millions


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_makes_a_network_of_that_class_narrower_at_smaller_sizes(name: str) -> None:
    tiny, small = (control(f"monai.{name}", image_size=64, in_channels=2, size=size) for size in ("tiny", "small"))
    assert type(tiny.network) is MONAI_NETWORKS[name]
    has_one_size = name in {"FlexibleUNet", "VNet"}
    assert (count(tiny) == count(small)) if has_one_size else (count(tiny) < count(small) / 3)


def count(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("AttentionUnet", "AttentionUnet"),
        ("attention_unet", "AttentionUnet"),
        ("segresnet", "SegResNet"),
        ("monai.SegResNet", "SegResNet"),
        ("BasicUNetPlusPlus", "BasicUNetPlusPlus"),
        ("BasicUnetPlusPlus", "BasicUNetPlusPlus"),
        ("UNETR", "unetr"),
        ("UNet", "unet"),
        ("Trans_UNet", "transunet"),
        ("monai.unetr", "monai.UNETR"),
        ("MONAI.UNet", "monai.UNet"),
    ],
)
def test_names_are_read_without_case_and_underscores_ours_first(given: str, canonical: str) -> None:
    with torch.device("meta"):
        settings = control(given).settings
        assert settings["name"] == canonical
        assert create_model(**settings).settings == settings


def test_a_control_has_no_blocks_and_its_options_stand_in_the_settings() -> None:
    with torch.device("meta"):
        model = control("SegResNet", num_blocks=3, decoder="compressed", options={"blocks_down": [1, 1, 1, 1]})
    assert model.settings == {
        "name": "SegResNet", "target": None, "num_classes": 3, "num_blocks": None, "decoder": None, "size": "tiny",
        "image_size": 32, "patch_size": None, "in_channels": 1, "trunk": None, "options": {"blocks_down": [1, 1, 1, 1]},
        "kept_blocks": None,
    }  # fmt: skip


def test_options_go_before_the_recipe_and_the_default() -> None:
    with torch.device("meta"):
        network = control("attentionunet", options={"channels": [4, 8], "strides": [2], "dropout": 0.5}).network
        expected = AttentionUnet(2, 1, 3, channels=(4, 8), strides=(2,), dropout=0.5)
    assert str(network) == str(expected)


def test_the_deepest_of_u_net_plus_plus_outputs_is_the_logits() -> None:
    model = control("BasicUNetPlusPlus", options={"deep_supervision": True}).eval()
    network: BasicUNetPlusPlus = model.network
    images = torch.randn(1, 1, 32, 32)
    torch.nn.init.zeros_(network.final_conv_0_4.weight)
    torch.nn.init.ones_(network.final_conv_0_4.bias)
    assert torch.equal(model(images), torch.ones(1, 3, 32, 32))


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("SegResNett", {}, "Choose one of transunet, cats, unetr, unet. Similar names: SegResNet"),
        ("monai.nothing", {}, "catalogue or a 2D network of MONAI; found 'monai.nothing'"),
        ("SegResNet", {"options": {"depth": 3}}, "'depth'. It has init_filters, dropout_prob"),
        ("SegResNet", {"options": {"spatial_dims": 3}}, "without those that the data decide"),
        ("SegResNet", {"options": {"norm": {1, 2}}}, "values of the kinds that JSON has"),
        ("AutoEncoder", {}, "missing 2 required positional arguments: 'channels' and 'strides'. Give its arguments"),
        ("DenseNet121", {}, "into logits (1, 3, 32, 32); found (1, 3). Change [model.options]"),
        ("SegResNet", {"trunk": "resnet50"}, "trunk can be chosen for cats only, not for SegResNet"),
        ("unet", {"image_size": 40}, "found RuntimeError: Sizes of tensors must match"),
        ("unet", {"image_size": 40}, "The nearest multiple of 32, which suits most networks, is 32"),
    ],
)
def test_what_cannot_be_a_control_is_told(name: str, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError) as caught:
        control(name, **changes)
    assert told in str(caught.value)
