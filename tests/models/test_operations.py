"""Both counts against each other for every model, and against products worked by hand."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trimformer.models import create_model
from trimformer.models.anatomy.dry_run import without_data
from trimformer.models.anatomy.operations import Operations, count_operations
from trimformer.models.vit import Block

MODELS: list[dict[str, Any]] = [
    {"name": "transunet"},
    {"name": "unetr"},
    {"name": "cats", "trunk": "resnet50"},
    {"name": "cats", "trunk": "resnet34"},
    {"name": "cats", "trunk": "densenet121"},
]


class OnImage(nn.Module):
    """Runs a function of the image, so that one operation can be counted alone."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: Tensor) -> Any:
        return self.function(images)


class OnTokens(nn.Module):
    """Runs a module on as many tokens of one image as it has pixels."""

    def __init__(self, module: nn.Module, width: int) -> None:
        super().__init__()
        self.module, self.width = module, width

    def forward(self, images: Tensor) -> Any:
        return self.module(images.flatten(2).transpose(1, 2).expand(-1, -1, self.width))


def both(count: int) -> Operations:
    return Operations(by_kernel=count, by_call=count)


@pytest.mark.parametrize("settings", MODELS, ids=lambda settings: "-".join(settings.values()))
@pytest.mark.parametrize(
    ("num_blocks", "decoder", "patch_size", "size"),
    [
        (0, "full", 16, "base"),
        (1, "compressed", 8, "base"),
        (3, "compressed", 16, "base"),
        (12, "full", 8, "tiny"),
        (12, "full", 16, "base"),
    ],
)
def test_the_two_counts_agree(
    settings: dict[str, Any], num_blocks: int, decoder: str, patch_size: int, size: str
) -> None:
    with torch.device("meta"):
        model = create_model(
            **settings, num_classes=4, num_blocks=num_blocks, decoder=decoder, patch_size=patch_size, size=size
        )
    assert count_operations(model, image_size=224).agree


@pytest.mark.parametrize("size", ["base", "tiny"])
def test_the_counts_of_the_control_agree(size: str) -> None:
    assert count_operations(create_model("unet", num_classes=4, size=size), image_size=224).agree


@pytest.mark.parametrize("name", ["transunet", "cats", "unetr", "unet"])
def test_with_data_the_count_is_the_same(name: str) -> None:
    model = create_model(name, num_classes=3, num_blocks=2, size="tiny", image_size=64)
    model.offset = torch.zeros(1, 1, 64, 64)  # no parameter and no buffer, so it keeps its data in the copy
    model.register_forward_pre_hook(lambda module, inputs: (inputs[0] + module.offset,))
    kept = count_operations(model, image_size=64)
    del model.offset
    model._forward_pre_hooks.clear()
    assert kept == count_operations(model, image_size=64)
    assert kept.agree


def test_a_block_of_vit_b_by_hand() -> None:
    tokens, width = 196, 768
    projections, products, mlp = 4 * tokens * width**2, 2 * tokens**2 * width, 8 * tokens * width**2
    assert count_operations(OnTokens(Block(width, 12), width), image_size=14) == both(projections + products + mlp)


def test_a_block_more_costs_as_much_in_every_model() -> None:
    three, two = (
        count_operations(create_model("unetr", num_classes=2, num_blocks=k, size="tiny", decoder="compressed"), 224)
        for k in (3, 2)
    )
    assert three.by_call - two.by_call == 12 * 196 * 192**2 + 2 * 196**2 * 192


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_convolutions_by_hand(groups: int) -> None:
    convolution = nn.Conv2d(4, 8, kernel_size=3, stride=2, padding=1, groups=groups)
    assert count_operations(convolution, 8, in_channels=4) == both(4 * 4 * 8 * (4 // groups) * 9)
    transposed = nn.ConvTranspose2d(4, 8, kernel_size=2, stride=2, groups=groups)
    assert count_operations(transposed, 8, in_channels=4) == both(8 * 8 * 4 * (8 // groups) * 4)


@pytest.mark.parametrize(
    ("function", "count"),
    [
        (lambda x: x[0, 0] @ x[0, 0], 6**3),
        (lambda x: torch.matmul(x, other=x), 6**3),
        (lambda x: torch.bmm(x[0], x[0]), 6**3),
        (lambda x: torch.addmm(x[0, 0, 0], x[0, 0, :5], x[0, 0]), 5 * 6 * 6),
        (lambda x: torch.baddbmm(x[0], x[0], x[0]), 6**3),
        (lambda x: torch.einsum("bhid,bhjd->bhij", x, x), 6**3),
        (lambda x: torch.einsum("...id,dj->...ij", x, x[0, 0, :, :2]), 6 * 6 * 2),
        (lambda x: torch.einsum("bhij->bhji", x), 0),
        (lambda x: F.linear(x, weight=x[0, 0, :2]), 6 * 6 * 2),
        (lambda x: F.scaled_dot_product_attention(x, x[:, :, :4], x[:, :, :4, :3]), 6 * 4 * (6 + 3)),
        (lambda x: F.interpolate(F.gelu(F.layer_norm(x, (6,))).softmax(-1) + x, scale_factor=2), 0),
    ],
)
def test_products_by_hand(function: Any, count: int) -> None:
    assert count_operations(OnImage(function), image_size=6) == both(count)


@pytest.mark.parametrize("extra_keys", [{}, {"add_bias_kv": True}, {"add_zero_attn": True}])
@pytest.mark.parametrize("need_weights", [True, False])
def test_torchs_own_attention_by_hand(extra_keys: dict[str, bool], need_weights: bool) -> None:
    attention = nn.MultiheadAttention(8, 2, batch_first=True, **extra_keys)

    class SelfAttention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = attention

        def forward(self, tokens: Tensor) -> Any:
            return self.attention(tokens, tokens, tokens, need_weights=need_weights)[0]

    keys = 9 + len(extra_keys)
    assert count_operations(OnTokens(SelfAttention(), 8), image_size=3) == both(4 * 9 * 64 + 2 * 9 * keys * 8)


def test_torchs_own_transformer_layer_by_hand() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=32, batch_first=True)
    assert count_operations(OnTokens(layer, 8), image_size=3) == both(12 * 9 * 64 + 2 * 81 * 8)


def test_three_operands_in_one_product_show_as_disagreement() -> None:
    assert not count_operations(OnImage(lambda x: torch.einsum("bcij,bcjk,bckl->bcil", x, x, x)), image_size=4).agree


def test_the_model_is_left_as_it_was() -> None:
    model = create_model("unetr", num_classes=2, num_blocks=1, size="tiny", image_size=32, patch_size=8).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    count_operations(model, image_size=32)
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_copy_without_data_keeps_what_is_shared() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 2))
    model[2].weight = model[0].weight
    copy: Any = without_data(model)
    assert copy[2].weight is copy[0].weight
    assert {tensor.device.type for tensor in copy.state_dict().values()} == {"meta"}
    assert not copy.training
