import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import timm
import torch
from torch import Tensor

from trimformer.models.vit import Block, VisionTransformer, tap_depths

Array = npt.NDArray[np.float64]


def small_transformer(num_blocks: int = 3, num_taps: int = 1) -> Any:
    return VisionTransformer(
        in_channels=3,
        patch_size=4,
        grid_size=(2, 3),
        width=12,
        num_heads=3,
        num_blocks=num_blocks,
        num_taps=num_taps,
    )


def layer_norm(x: Array, weights: dict[str, Array], name: str) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    variance = (centred**2).mean(-1, keepdims=True)
    normalised: Array = centred / np.sqrt(variance + 1e-6)
    return normalised * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def linear(x: Array, weights: dict[str, Array], name: str) -> Array:
    product: Array = x @ weights[f"{name}.weight"].T
    return product + weights[f"{name}.bias"]


def attention(x: Array, weights: dict[str, Array], num_heads: int) -> Array:
    width = x.shape[1]
    head_width = width // num_heads
    qkv = linear(x, weights, "attn.qkv")
    heads = []
    for head in range(num_heads):
        query, key, value = (
            qkv[:, part * width + head * head_width : part * width + (head + 1) * head_width] for part in range(3)
        )
        scores = np.exp(query @ key.T / math.sqrt(head_width))
        heads.append(scores / scores.sum(1, keepdims=True) @ value)
    return linear(np.concatenate(heads, axis=1), weights, "attn.proj")


def reference_block(x: Array, weights: dict[str, Array], num_heads: int) -> Array:
    x = x + attention(layer_norm(x, weights, "norm1"), weights, num_heads)
    hidden = linear(layer_norm(x, weights, "norm2"), weights, "mlp.fc1")
    gelu = 0.5 * hidden * (1 + np.vectorize(math.erf)(hidden / math.sqrt(2)))
    return x + linear(gelu, weights, "mlp.fc2")


def randomised(module: torch.nn.Module) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64) / 2
    return module.double().eval()


def test_a_block_against_float64_by_hand() -> None:
    block = randomised(Block(12, num_heads=3))
    tokens = torch.randn(1, 5, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    weights = {name: tensor.numpy() for name, tensor in block.state_dict().items()}
    expected = reference_block(tokens[0].numpy(), weights, num_heads=3)
    np.testing.assert_allclose(block(tokens)[0].detach().numpy(), expected, rtol=1e-10, atol=1e-10)


def test_a_block_of_vit_base_has_7087872_parameters() -> None:
    with torch.device("meta"):
        block = Block(768, num_heads=12)
    assert sum(parameter.numel() for parameter in block.parameters()) == 7_087_872


def test_dropout_follows_both_linear_layers_of_the_mlp_and_nothing_in_the_attention() -> None:
    block = Block(12, num_heads=3)
    probabilities = {name: module.p for name, module in block.named_modules() if hasattr(module, "p")}
    assert probabilities == {"attn.attn_drop": 0.0, "attn.proj_drop": 0.0, "mlp.drop1": 0.1, "mlp.drop2": 0.1}


def test_attention_is_fused() -> None:
    assert Block(12, num_heads=3).attn.fused_attn


@pytest.mark.parametrize(
    ("num_blocks", "num_taps", "taps"),
    [
        (12, 4, (3, 6, 9, 12)),
        (3, 4, (1, 2, 3, 3)),
        (1, 4, (1, 1, 1, 1)),
        (0, 4, (0, 0, 0, 0)),
        (6, 4, (2, 3, 5, 6)),
        (12, 3, (4, 8, 12)),
        (4, 3, (2, 3, 4)),
        (12, 1, (12,)),
        (0, 1, (0,)),
    ],
)
def test_tap_depths_by_hand(num_blocks: int, num_taps: int, taps: tuple[int, ...]) -> None:
    assert tap_depths(num_blocks, num_taps) == taps


def tokens_as_map(tokens: Tensor) -> Tensor:
    return torch.stack([tokens[:, row * 3 : row * 3 + 3].transpose(1, 2) for row in range(2)], dim=2)


def test_only_the_last_tap_is_normalised_and_a_repeated_tap_stays_raw() -> None:
    transformer = small_transformer(num_blocks=3, num_taps=4).eval()
    images = torch.randn(2, 3, 8, 12)
    tokens = transformer.patch_embed(images).flatten(2).transpose(1, 2) + transformer.pos_embed
    states = []
    for block in transformer.blocks:
        tokens = block(tokens)
        states.append(tokens)
    expected = [*states, torch.nn.functional.layer_norm(tokens, (12,), eps=1e-6)]
    for found, state in zip(transformer(images), expected, strict=True):
        assert torch.equal(found, tokens_as_map(state))


def test_without_blocks_the_embedded_patches_are_normalised() -> None:
    transformer = small_transformer(num_blocks=0).eval()
    images = torch.randn(1, 3, 8, 12)
    weight, bias = transformer.patch_embed.proj.weight, transformer.patch_embed.proj.bias
    patch = images[0, :, 4:8, 8:12]  # row 1, column 2: token 5
    token = (weight * patch).sum((1, 2, 3)) + bias + transformer.pos_embed[0, 5]
    expected = torch.nn.functional.layer_norm(token, (12,), eps=1e-6)
    torch.testing.assert_close(transformer(images)[0][0, :, 1, 2], expected)


def test_a_patch_of_trunk_features_is_one_position() -> None:
    transformer: Any = VisionTransformer(
        in_channels=5, patch_size=16, input_stride=16, grid_size=(2, 2), width=12, num_heads=3, num_blocks=1, num_taps=1
    )
    assert transformer.patch_embed.proj.weight.shape == (12, 5, 1, 1)
    assert transformer(torch.randn(1, 5, 2, 2))[0].shape == (1, 12, 2, 2)


def test_weights_are_named_and_shaped_as_in_timm_without_class_token_and_head() -> None:
    with torch.device("meta"):
        theirs = timm.create_model("vit_base_patch16_224", class_token=False, global_pool="avg", fc_norm=False)
        ours = VisionTransformer(
            in_channels=3, patch_size=16, grid_size=(14, 14), width=768, num_heads=12, num_blocks=12, num_taps=4
        )
    expected = {name: tensor.shape for name, tensor in theirs.state_dict().items() if not name.startswith("head.")}
    assert {name: tensor.shape for name, tensor in ours.state_dict().items()} == expected


def test_the_same_weights_give_the_same_tokens_as_timm() -> None:
    theirs = timm.create_model(
        "vit_base_patch16_224", img_size=32, embed_dim=24, depth=2, num_heads=3, class_token=False, num_classes=0,
        global_pool="avg", fc_norm=False,
    ).eval()  # fmt: skip
    ours = VisionTransformer(
        in_channels=3, patch_size=16, grid_size=(2, 2), width=24, num_heads=3, num_blocks=2, num_taps=1
    ).eval()
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(2, 3, 32, 32)
    expected = theirs.forward_features(images).transpose(1, 2).reshape(2, 24, 2, 2)
    torch.testing.assert_close(ours(images)[0], expected)
