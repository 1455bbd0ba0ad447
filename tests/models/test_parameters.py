import pytest
import timm
import torch
from torch import nn

from trimformer.models import ParameterCount, count_parameters, create_model

PAPER = [
    ("transunet", None, 4, 12, 105_276_356),
    ("transunet", None, 4, 3, 41_485_508),
    ("transunet", None, 4, 1, 27_309_764),
    ("transunet", None, 9, 12, 105_277_081),
    ("transunet", None, 9, 3, 41_486_233),
    ("transunet", None, 9, 1, 27_310_489),
    ("unetr", None, 4, 12, 111_814_148),
    ("unetr", None, 4, 3, 27_814_020),
    ("unetr", None, 4, 1, 13_638_276),
    ("unetr", None, 9, 12, 111_817_033),
    ("unetr", None, 9, 3, 27_816_905),
    ("unetr", None, 9, 1, 13_641_161),
    ("cats", "resnet50", 4, 12, 136_810_564),
    ("cats", "resnet50", 4, 3, 53_150_724),
    ("cats", "resnet50", 4, 1, 38_974_980),
    ("cats", "resnet34", 4, 12, 107_135_300),
    ("cats", "resnet34", 4, 3, 37_046_020),
    ("cats", "resnet34", 4, 1, 22_870_276),
    ("cats", "densenet121", 9, 12, 132_537_545),
    ("cats", "densenet121", 9, 3, 48_877_705),
    ("cats", "densenet121", 9, 1, 34_701_961),
]
"""The paper's tables: the model of 12 blocks has the full decoder, the others the compressed one."""

WITHOUT_BLOCKS = [
    ("unetr", "full", 26_759_684),
    ("unetr", "compressed", 6_550_404),
    ("cats", "full", 51_756_100),
    ("cats", "compressed", 31_887_108),
    ("transunet", "full", 20_221_892),
    ("transunet", "compressed", 20_221_892),
]


@pytest.mark.parametrize(("name", "trunk", "num_classes", "num_blocks", "parameters"), PAPER)
def test_the_papers_parameters(
    name: str, trunk: str | None, num_classes: int, num_blocks: int, parameters: int
) -> None:
    decoder = "full" if num_blocks == 12 else "compressed"
    with torch.device("meta"):
        model = create_model(name, num_classes=num_classes, num_blocks=num_blocks, decoder=decoder, trunk=trunk)
    assert count_parameters(model).total == parameters


@pytest.mark.parametrize(("name", "decoder", "parameters"), WITHOUT_BLOCKS)
def test_parameters_without_blocks(name: str, decoder: str, parameters: int) -> None:
    with torch.device("meta"):
        model = create_model(name, num_classes=4, num_blocks=0, decoder=decoder)
    assert count_parameters(model).total == parameters


@pytest.mark.parametrize(("name", "saved_percent"), [("unetr", 57.05), ("cats", 46.63), ("transunet", 60.59)])
def test_what_three_blocks_save_with_the_full_decoder(name: str, saved_percent: float) -> None:
    with torch.device("meta"):
        full, cut = (count_parameters(create_model(name, num_classes=4, num_blocks=k)).total for k in (12, 3))
    assert round(100 * (full - cut) / full, 2) == saved_percent


@pytest.mark.parametrize(("num_blocks", "parameters"), [(12, 85_797_120), (3, 22_006_272)])
def test_the_transformers_part(num_blocks: int, parameters: int) -> None:
    with torch.device("meta"):
        model = create_model("unetr", num_classes=4, num_blocks=num_blocks)
    assert count_parameters(model).transformer == parameters


def test_the_parts_of_transunet() -> None:
    with torch.device("meta"):
        count = count_parameters(create_model("transunet", num_classes=4))
    assert count == ParameterCount(
        transformer=768 * 1024 + 768 + 196 * 768 + 12 * 7_087_872 + 2 * 768,
        trunk=11_894_848,
        decoder=105_276_356 - 11_894_848 - 85_993_728 - 580,
        head=9 * 16 * 4 + 4,
    )
    assert count.transformer == 85_993_728


def test_a_network_without_parts_is_decoder_as_a_whole() -> None:
    with torch.device("meta"):
        count = count_parameters(create_model("unet", num_classes=4))
    assert count == ParameterCount(transformer=0, trunk=0, decoder=6_496_585, head=0)


def test_the_blocks_of_another_network_are_its_transformer() -> None:
    vit = timm.create_model("vit_tiny_patch16_224", img_size=32, depth=2, num_classes=5)
    count = count_parameters(vit)
    assert count.transformer == sum(weight.numel() for weight in vit.blocks.parameters())
    assert count.head == 5 * 192 + 5
    assert count.total == sum(weight.numel() for weight in vit.parameters())


def test_shared_parameters_count_once_and_frozen_ones_count() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(3, 2))
    model[1] = model[0]
    model[0].requires_grad_(False)
    assert count_parameters(model).total == 8
