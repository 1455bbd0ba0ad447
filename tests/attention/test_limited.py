import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from foreign_networks import HEADS, IMAGES, NETWORKS, WIDTH, OwnNetwork, foreign, reference_maps, traces
from torch import Tensor, nn
from torch.nn import functional as F

from trimformer.attention.ablation.limited import beyond_radius, limited_attention
from trimformer.attention.recording.record import record_attention
from trimformer.attention.transformer.blocks import AttentionBlock, Transformer, find_transformer
from trimformer.attention.transformer.token_grid import TokenGrid
from trimformer.models import SegmentationModel, create_model
from trimformer.records.errors import UserError

HYBRIDS = ("unetr", "cats", "transunet")
GREY = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(3))
SPACING = (1.5, 2.0)
"""Tokens are 12 mm high and 16 mm wide."""

every_network = pytest.mark.parametrize("name", NETWORKS)


def hybrid(name: str) -> SegmentationModel:
    torch.manual_seed(0)
    model = create_model(name, num_classes=3, num_blocks=3, size="tiny", image_size=32, patch_size=8).eval()
    blocks: Any = model.transformer.blocks
    for block in blocks:
        block.attn.qkv.weight.data *= 8
    return model


def limited(model: nn.Module, images: Tensor, radius_mm: float, blocks: list[int]) -> Tensor:
    transformer = find_transformer(model, images)
    with torch.no_grad(), limited_attention(model, transformer, radius_mm, blocks, SPACING):
        outputs: Tensor = model(images)
    return outputs


def near(radius_mm: float, prefix: int = 0) -> np.ndarray:
    """Which keys a query may see, one pair at a time."""
    seen = np.ones((prefix + 16, prefix + 16), bool)
    for i in range(16):
        for j in range(16):
            rows, columns = (i // 4 - j // 4) * 12, (i % 4 - j % 4) * 16
            seen[prefix + i, prefix + j] = rows**2 + columns**2 <= radius_mm**2
    return seen


@pytest.mark.parametrize("name", HYBRIDS)
def test_a_radius_beyond_the_image_changes_nothing_in_a_hybrid(name: str) -> None:
    model = hybrid(name)
    with torch.no_grad():
        plain = model(GREY)
    assert torch.allclose(limited(model, GREY, 1000.0, [0, 1, 2]), plain, atol=1e-5)
    assert not torch.allclose(limited(model, GREY, 16.0, [0, 1, 2]), plain, atol=1e-4)


@every_network
def test_a_radius_beyond_the_image_changes_nothing_in_any_network(name: str) -> None:
    network = foreign(name)
    assert torch.allclose(limited(network, IMAGES, float("inf"), [0, 1]), network(IMAGES), atol=1e-5)


def test_radius_zero_is_attention_to_itself_alone() -> None:
    model = hybrid("unetr")
    blocks: list[Any] = list(model.transformer.blocks)
    images = model.prepare(GREY)
    with torch.no_grad():
        tokens = model.transformer.patch_embed(images).flatten(2).transpose(1, 2) + model.transformer.pos_embed
        for block in blocks:
            value = block.attn.qkv(block.norm1(tokens)).chunk(3, dim=-1)[2]
            tokens = tokens + block.attn.proj(value)
            tokens = tokens + block.mlp(block.norm2(tokens))
        expected = model.transformer.norm(tokens)
        with limited_attention(model, find_transformer(model, GREY), 0.0, [0, 1, 2], SPACING):
            found = model.transformer(images)[-1].flatten(2).transpose(1, 2)
    assert torch.allclose(found, expected, atol=1e-5)


@every_network
@pytest.mark.parametrize("radius_mm", [0.0, 15.9, 16.0, 33.0])
def test_what_is_left_is_the_renormalised_attention_within_the_radius(name: str, radius_mm: float) -> None:
    network, prefix = foreign(name), NETWORKS[name][2]
    transformer = find_transformer(network, IMAGES)
    limit = limited_attention(network, transformer, radius_mm, [0], SPACING)
    with torch.no_grad(), record_attention(network) as recording, limit:  # records what the limit hands on
        network(IMAGES)
    seen = torch.from_numpy(near(radius_mm, prefix))
    expected = reference_maps(network, IMAGES)[0] * seen
    expected /= expected.sum(dim=-1, keepdim=True)
    found, after = recording.maps.values()
    assert torch.allclose(found.double(), expected, atol=1e-5)
    assert (found[..., ~seen] == 0).all()
    assert (after > 0).all()


def test_only_the_chosen_blocks_are_limited() -> None:
    model = hybrid("unetr")
    limit = limited_attention(model, find_transformer(model, GREY), 16.0, [1], SPACING)
    with torch.no_grad(), record_attention(model) as recording, limit:
        model(GREY)
    beyond = torch.from_numpy(~near(16))
    zeros = [bool((maps[..., beyond] == 0).all()) for maps in recording.maps.values()]
    assert zeros == [False, True, False]


def alone(block: nn.Module) -> Transformer:
    """A block that is a whole network, for calls of the test's own."""
    return Transformer((AttentionBlock("block", block, nn.Linear(1, 1)),), TokenGrid((4, 4), (8, 8)))


def test_in_a_volume_the_distance_has_three_axes() -> None:
    grid = TokenGrid((2, 2, 3), (8, 8, 4), num_prefix_tokens=1)
    beyond = beyond_radius(grid, 12.0, (1.0, 2.0, 1.5))  # tokens of 8 x 16 x 6 mm
    places = list(np.ndindex(2, 2, 3))
    for i, one in enumerate(places):
        for j, other in enumerate(places):
            (a, b, c), (d, e, f) = one, other
            far = (8 * (a - d)) ** 2 + (16 * (b - e)) ** 2 + (6 * (c - f)) ** 2 > 12**2
            assert bool(beyond[1 + i, 1 + j]) == far
    assert not beyond[0].any()
    assert not beyond[:, 0].any()
    with pytest.raises(UserError, match="3 spacings"):
        beyond_radius(grid, 12.0, SPACING)


class Attends(nn.Module):
    def __init__(self, **words: Any) -> None:
        super().__init__()
        self.words = words

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(query, key, value, **self.words)


class WrittenOut(nn.Module):
    def __init__(self, softmax: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.softmax = softmax

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return self.softmax(query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5) @ value


def draw(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


BIAS = draw(5, 16, 16)
NO_BIAS = torch.zeros(16, 16)
ALLOWED = (BIAS > 0) | torch.eye(16).bool()
CAUSAL = torch.ones(16, 16).tril().bool()


def forbidding(allowed: Tensor) -> Tensor:
    return torch.zeros(allowed.shape).masked_fill(~allowed, -torch.inf)


@pytest.mark.parametrize(
    ("block", "bias", "scale"),
    [
        (Attends(is_causal=True), forbidding(CAUSAL), 8**-0.5),
        (Attends(attn_mask=BIAS), BIAS, 8**-0.5),
        (Attends(attn_mask=ALLOWED), forbidding(ALLOWED), 8**-0.5),
        (Attends(scale=0.9), NO_BIAS, 0.9),
        (WrittenOut(lambda scores: F.softmax(scores, -1)), NO_BIAS, 8**-0.5),
        (WrittenOut(lambda scores: scores.softmax(dim=-1)), NO_BIAS, 8**-0.5),
        (WrittenOut(lambda scores: torch.softmax(input=scores, dim=-1)), NO_BIAS, 8**-0.5),
        (WrittenOut(nn.Softmax(dim=-1)), NO_BIAS, 8**-0.5),
    ],
    ids=["causal", "bias", "mask", "scale", "F.softmax", "Tensor.softmax", "torch.softmax", "nn.Softmax"],
)
def test_the_limit_joins_what_the_call_has_already(block: nn.Module, bias: Tensor, scale: float) -> None:
    query, key, value = (draw(seed, 2, 3, 16, 8) for seed in range(3))
    scores = (
        query.double() @ key.double().transpose(-2, -1) * scale + bias.double() + forbidding(torch.tensor(near(20)))
    )
    with limited_attention(block, alone(block), 20.0, [0], SPACING):
        found = block(query, key, value)
    assert torch.allclose(found.double(), scores.softmax(dim=-1) @ value.double(), atol=1e-5)


class CallsForward(nn.MultiheadAttention):
    """The same attention by torch's function and not by its module."""

    def forward(self, tokens: Tensor, **masks: Any) -> Tensor:  # type: ignore[override]
        swapped = tokens.transpose(0, 1)
        attended, _ = F.multi_head_attention_forward(
            swapped, swapped, swapped, WIDTH, HEADS, self.in_proj_weight, self.in_proj_bias, None, None, False, 0.0,
            self.out_proj.weight, self.out_proj.bias, training=False, **masks,
        )  # fmt: skip
        return attended.transpose(0, 1)


@pytest.mark.parametrize("attn_mask", [None, BIAS, ~ALLOWED], ids=["none", "bias", "mask"])
@pytest.mark.parametrize("padded", [False, True])
def test_the_limit_joins_both_masks_of_multi_head_attention(attn_mask: Tensor | None, padded: bool) -> None:
    torch.manual_seed(0)
    block, calls = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True).eval(), CallsForward(WIDTH, HEADS).eval()
    calls.load_state_dict(block.state_dict())
    tokens = draw(6, 2, 16, WIDTH)
    padding = torch.zeros(2, 16, dtype=torch.bool)
    padding[:, 3] = padded
    is_bias = attn_mask is not None and attn_mask.dtype != torch.bool
    given = forbidding(~padding) if is_bias else padding  # torch wants both masks of one kind
    masks: dict[str, Any] = {"attn_mask": attn_mask, "key_padding_mask": given if padded else None}
    mask = NO_BIAS if attn_mask is None else BIAS if is_bias else forbidding(ALLOWED)
    mask = mask + forbidding(torch.tensor(near(20))) + forbidding(~padding)[:, None]
    with torch.no_grad():
        packed = F.linear(tokens, block.in_proj_weight, block.in_proj_bias).unflatten(-1, (3, HEADS, -1))
        query, key, value = packed.permute(2, 0, 3, 1, 4).double()
        maps = (query @ key.transpose(-2, -1) * (WIDTH // HEADS) ** -0.5 + mask[:, None]).softmax(dim=-1)
        expected = block.out_proj((maps @ value).transpose(1, 2).flatten(2).float()).nan_to_num()
        with limited_attention(block, alone(block), 20.0, [0], SPACING):
            found, _ = block(tokens, tokens, tokens, need_weights=False, **masks)
        with limited_attention(calls, alone(calls), 20.0, [0], SPACING):
            called = calls(tokens, **masks)
    assert torch.allclose(found.nan_to_num(), expected, atol=1e-5)
    assert torch.allclose(called.nan_to_num(), expected, atol=1e-5)


class Failing(OwnNetwork):
    def forward(self, images: Tensor) -> Tensor:
        super().forward(images)
        raise ZeroDivisionError


@every_network
def test_no_trace_is_left(name: str) -> None:
    network = foreign(name)
    before = network(IMAGES)
    limited(network, IMAGES, 0.0, [0, 1])
    assert traces(network) == 0
    assert torch.equal(network(IMAGES), before)


def test_no_trace_is_left_when_the_network_fails() -> None:
    network, transformer = Failing().eval(), find_transformer(OwnNetwork().eval(), IMAGES)
    transformer = replace(transformer, blocks=find_transformer(twin_of(network), IMAGES).blocks)
    with pytest.raises(ZeroDivisionError), limited_attention(network, transformer, 0.0, [0, 1], SPACING):
        network(IMAGES)
    assert traces(network) == 0
    assert not torch.overrides._get_current_function_mode_stack()


def twin_of(network: Failing) -> OwnNetwork:
    """The same modules in a network that does not fail."""
    same = OwnNetwork().eval()
    same.patches, same.blocks = network.patches, network.blocks
    return same


def test_limits_nest_and_the_narrower_holds() -> None:
    model = hybrid("unetr")
    transformer = find_transformer(model, GREY)
    with torch.no_grad(), limited_attention(model, transformer, 20.0, [0, 1, 2], SPACING):
        nested = limited(model, GREY, 12.0, [0, 1, 2])
    assert torch.allclose(nested, limited(model, GREY, 12.0, [0, 1, 2]), atol=1e-6)


def test_another_thread_is_not_limited_by_this_one() -> None:
    model = hybrid("unetr")
    outputs: list[Tensor] = []

    def run() -> None:
        with torch.no_grad():
            outputs.append(hybrid("unetr")(GREY))

    with torch.no_grad(), limited_attention(model, find_transformer(model, GREY), 0.0, [0, 1, 2], SPACING):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        model(GREY)
    with torch.no_grad():
        assert torch.allclose(outputs[0], model(GREY), atol=1e-6)


def test_a_block_that_another_thread_is_in_limits_nothing_here() -> None:
    network = foreign("own")
    tokens = network.get_submodule("patches")(IMAGES)
    first: Any = network.get_submodule("blocks.0")
    second: Any = network.get_submodule("blocks.1")
    inside, may_leave = threading.Event(), threading.Event()

    def wait(*_: object) -> None:
        inside.set()
        assert may_leave.wait(timeout=60)

    with torch.no_grad(), limited_attention(network, find_transformer(network, IMAGES), 0.0, [0], SPACING):
        handle = first.mlp.register_forward_hook(wait)
        thread = threading.Thread(target=lambda: first(tokens=tokens))
        thread.start()
        assert inside.wait(timeout=60)
        meanwhile = second(tokens=tokens)
        may_leave.set()
        thread.join()
        handle.remove()
        network(IMAGES)
    torch.testing.assert_close(meanwhile, second(tokens=tokens))


def test_what_cannot_be_limited_is_said() -> None:
    model = hybrid("unetr")
    transformer = find_transformer(model, GREY)
    for radius in (-1.0, float("nan")):
        with pytest.raises(UserError, match="0 mm or more"):
            limited(model, GREY, radius, [0])
    with pytest.raises(UserError, match="from 0 to 2"):
        limited(model, GREY, 1.0, [3])
    with (
        pytest.raises(UserError, match=r"nothing from blocks\.1"),
        limited_attention(model, transformer, 1.0, [1], SPACING),
    ):
        pass
    other = replace(transformer, grid=TokenGrid((2, 2), (16, 16)))
    with pytest.raises(UserError, match="16 queries"), limited_attention(model, other, 1.0, [0], SPACING):
        model(GREY)
    assert traces(model) == 0
