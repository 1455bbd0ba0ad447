"""How blocks are found, what an adapter says, and what is refused."""

import copy
from typing import Any

import pytest
import timm
import torch
from monai.networks.nets import SwinUNETR
from torch import Tensor, nn

import trimformer as tf
from trimformer.models.cutting import RemovedBlock, find_blocks

TOKENS = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(0))


def layer(width: int = 8) -> nn.TransformerEncoderLayer:
    return nn.TransformerEncoderLayer(width, 2, 16, dropout=0.0, batch_first=True)


def layers(count: int = 3) -> nn.ModuleList:
    return nn.ModuleList(layer() for _ in range(count))


class OneByOne(nn.Module):
    """Blocks without a container."""

    def __init__(self) -> None:
        super().__init__()
        self.first: Any
        self.second: Any
        self.third: Any
        self.first, self.second, self.third = layers()

    def forward(self, tokens: Tensor) -> Any:
        return self.third(self.second(self.first(tokens)))


class OfAMap(nn.Module):
    """A block that is told the rows and columns of its tokens, and merges eight of each for the keys (SegFormer)."""

    def __init__(self) -> None:
        super().__init__()
        self.merge, self.norm = nn.Conv2d(8, 8, kernel_size=8, stride=8), nn.LayerNorm(8)
        self.attn = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, tokens: Tensor, rows: int, columns: int) -> tuple[Tensor, int, int]:
        keys = self.merge(tokens.mT.unflatten(2, (rows, columns))).flatten(2).mT
        return tokens + self.attn(self.norm(tokens), keys, keys)[0], rows, columns


class Maps(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(OfAMap() for _ in range(3))

    def forward(self, tokens: Tensor, rows: int, columns: int) -> tuple[Tensor, int, int]:
        for block in self.blocks:
            tokens, rows, columns = block(tokens, rows, columns)
        return tokens, rows, columns


class Scaled(nn.Module):
    """A block that cannot do without what nobody would guess, and has type hints."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, tokens: Tensor, scales: tuple[float, float] | None = None) -> Tensor:
        assert scales is not None
        mixed: Tensor = scales[0] * tokens + scales[1] * self.attn(tokens, tokens, tokens)[0]
        return mixed


class Unhinted(Scaled):
    def forward(self, tokens, scales=None):  # type: ignore[no-untyped-def]
        return super().forward(tokens, scales)


class Convolutions(nn.Module):
    """How timm writes a convolutional block without attention."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.attn = nn.Conv2d(8, 8, 1), nn.Identity()


def in_their_order(network: Any) -> list[nn.Module]:
    return [network.first, network.second, network.third]


class Named(nn.Module):
    """A block that returns its tokens by name."""

    def __init__(self) -> None:
        super().__init__()
        self.attn, self.norm = nn.MultiheadAttention(8, 2, batch_first=True), nn.LayerNorm(8)

    def forward(self, tokens: Tensor) -> dict[str, Tensor]:
        normed = self.norm(tokens)
        return {"tokens": tokens + self.attn(normed, normed, normed)[0]}


class ByName(nn.Sequential):
    def forward(self, tokens: Tensor) -> Tensor:
        for block in self:
            tokens = block(tokens)["tokens"]
        return tokens


@pytest.mark.parametrize(
    ("network", "found"),
    [
        (nn.Sequential(nn.Linear(8, 8), *layers(), nn.LayerNorm(8)), ("1", "2", "3")),
        (nn.Sequential(nn.Sequential(*layers())), ("0.0", "0.1", "0.2")),
        (nn.Sequential(nn.Sequential(layer())), ("0.0",)),
        (nn.ModuleDict({"patches": nn.Conv2d(1, 8, 4), "blocks": layers()}), ("blocks.0", "blocks.1", "blocks.2")),
        (nn.ModuleList([layer()] * 3), ("0", "1", "2")),
        (nn.Sequential(nn.Sequential(Convolutions(), Convolutions()), nn.Sequential(*layers())), ("1.0", "1.1", "1.2")),
    ],
    ids=["among others", "wrapped", "one alone", "by name", "one that runs three times", "after convolutions"],
)
def test_blocks_are_found_in_the_structure(network: nn.Module, found: tuple[str, ...]) -> None:
    assert find_blocks(network) == found
    none_left = tf.keep_blocks(network, [])
    assert find_blocks(none_left) == found
    assert all(isinstance(none_left.get_submodule(name), RemovedBlock) for name in found)


@pytest.mark.parametrize(
    ("network", "told"),
    [
        (nn.ModuleDict({"fine": layers(2), "coarse": layers()}), r"2 such sequences in ModuleDict: fine \(2 of Transf"),
        (
            nn.ModuleList([layer(), layer(16)]),
            r"the network itself \(2 of TransformerEncoderLayer\), whose parameters d",
        ),
        (nn.Sequential(nn.Conv2d(1, 8, 3), nn.Conv2d(8, 8, 3)), "none in Sequential"),
        (OneByOne(), "none in OneByOne"),
    ],
)
def test_what_is_no_one_sequence_is_told_with_the_adapter(network: nn.Module, told: str) -> None:
    with pytest.raises(tf.UserError, match=told) as refused:
        tf.keep_blocks(network, [0])
    assert "adapter=BlockAdapter(" in refused.value.next_step


def test_stages_are_refused_by_name() -> None:
    swin = SwinUNETR(1, 2, feature_size=12, spatial_dims=2)
    with pytest.raises(tf.UserError, match=r"swinViT\.layers1\.0\.blocks \(2 of SwinTransformerBlock\), swinViT"):
        tf.keep_blocks(swin, [0])


def test_an_adapter_names_the_sequence() -> None:
    cait: Any = timm.create_model("cait_xxs24_224", img_size=32, depth=3, embed_dim=24, num_heads=3).eval()
    images = torch.randn(1, 3, 32, 32)
    by_hand = copy.deepcopy(cait)
    by_hand.blocks = nn.Sequential(by_hand.blocks[0], by_hand.blocks[2])
    smaller = tf.keep_blocks(cait, [0, 2], adapter=tf.BlockAdapter("blocks"))
    torch.testing.assert_close(smaller(images), by_hand(images), atol=1e-6, rtol=0)


def test_an_adapter_lists_blocks_that_are_in_no_container() -> None:
    network = OneByOne().eval()
    adapter = tf.BlockAdapter(in_their_order)
    smaller = tf.keep_blocks(network, [0, 2], adapter=adapter)
    torch.testing.assert_close(smaller(TOKENS), network.third(network.first(TOKENS)), atol=1e-6, rtol=0)


def test_a_network_tells_its_own_blocks() -> None:
    network: Any = OneByOne()
    network.block_adapter = tf.BlockAdapter(in_their_order)
    assert find_blocks(network) == ("first", "second", "third")
    assert find_blocks(tf.keep_blocks(network, [1])) == ("first", "second", "third")


def test_an_adapter_says_what_a_removed_block_returns() -> None:
    network = ByName(Named(), Named()).eval()
    with pytest.raises(tf.UserError, match=r"found 1, which, tried on a few random tokens, returns a dict"):
        tf.keep_blocks(network, [0])
    smaller = tf.keep_blocks(network, [0], adapter=tf.BlockAdapter(returns=lambda tokens: {"tokens": tokens}))
    assert torch.equal(smaller(TOKENS), network[0](TOKENS)["tokens"])


def test_a_block_that_is_told_rows_and_columns_hands_them_on_in_their_order() -> None:
    network, tokens = Maps().eval(), torch.randn(1, 128, 8)
    found = tf.keep_blocks(network, [1])(tokens, 8, 16)
    assert torch.equal(found[0], network.blocks[1](tokens, 8, 16)[0])
    assert found[1:] == (8, 16)


def test_a_block_that_cannot_be_tried_is_believed_in_its_type_hints_alone() -> None:
    network = nn.Sequential(Scaled(), Scaled())
    smaller: Any = tf.keep_blocks(network, [0])
    assert torch.equal(smaller[1](TOKENS, (2.0, 2.0)), TOKENS)
    with pytest.raises(tf.UserError, match="raises AssertionError"):
        tf.keep_blocks(nn.Sequential(Unhinted(), Unhinted()), [0])


@pytest.mark.parametrize(
    ("blocks", "told"),
    [
        ("encoder", "no such part"),
        ("third", "a TransformerEncoderLayer"),
        (lambda _net: [layer()], "a TransformerEncoderLayer that is none of them"),
        (lambda _net: [], "no module"),
    ],
)
def test_an_adapter_that_does_not_fit_is_told(blocks: Any, told: str) -> None:
    network = OneByOne()
    network.third = nn.TransformerEncoderLayer(8, 2) if blocks != "third" else nn.ModuleList()
    told = told if blocks != "third" else "a ModuleList without members"
    with pytest.raises(tf.UserError, match=told):
        tf.keep_blocks(network, [0], adapter=tf.BlockAdapter(blocks))


def test_one_block_that_runs_several_times_goes_at_one_place_only() -> None:
    shared = layer()
    network = nn.Sequential(shared, shared, shared).eval()
    smaller = tf.keep_blocks(network, [0, 2])
    assert torch.equal(smaller(TOKENS), shared(shared(TOKENS)))
    assert list(smaller.state_dict()) == [name for name in network.state_dict() if not name.startswith("1.")]


def test_a_weight_that_a_removed_block_shares_stays_in_the_others() -> None:
    first, second = layer(), layer()
    second.linear1 = first.linear1
    network = nn.Sequential(first, second).eval()
    assert torch.equal(tf.keep_blocks(network, [1])(TOKENS), second(TOKENS))


def test_taps_made_by_hooks_see_the_tokens_that_pass_a_removed_block() -> None:
    seen: list[Tensor] = []
    network = nn.Sequential(*layers()).eval()
    network[1].register_forward_hook(lambda _module, _args, output: seen.append(output))
    smaller = tf.keep_blocks(network, [0])
    assert seen == []  # blocks are tried without their hooks
    smaller(TOKENS)
    assert torch.equal(seen[0], network[0](TOKENS))


@pytest.mark.parametrize("gradients", [False, True])
def test_what_a_network_asks_its_blocks_can_still_be_read(gradients: bool) -> None:
    # This one asks its first layer for self_attn.batch_first, and whether self_attn.in_proj_weight takes gradients.
    encoder = nn.TransformerEncoder(layer(), 3, enable_nested_tensor=gradients).eval()
    smaller = tf.keep_blocks(encoder, [2])
    padding = torch.tensor([[False] * 6, [False] * 4 + [True] * 2])
    with torch.set_grad_enabled(gradients):
        found = smaller(TOKENS, src_key_padding_mask=padding)
        expected = encoder.layers[2](TOKENS, src_key_padding_mask=padding)
    torch.testing.assert_close(found[~padding], expected[~padding], atol=1e-6, rtol=0)
    assert isinstance(smaller.layers[0], nn.TransformerEncoderLayer)


def test_a_compiled_network_is_cut_as_it_was_written() -> None:
    network = nn.Sequential(*layers()).eval()
    smaller = tf.keep_blocks(torch.compile(network, backend="eager"), [1])  # type: ignore[type-var]
    assert type(smaller) is nn.Sequential
    compiled = torch.compile(smaller, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(TOKENS), network[1](TOKENS), atol=1e-6, rtol=0)


def test_a_scripted_network_and_one_that_cannot_be_copied_are_refused() -> None:
    scripted = torch.jit.ScriptModule()
    with pytest.raises(tf.UserError, match="a scripted module"):
        tf.keep_blocks(scripted, [0])
    network = nn.Sequential(*layers())
    network.last_output = network(TOKENS)
    with pytest.raises(tf.UserError, match=r"copy\.deepcopy copies; found Sequential"):
        tf.keep_blocks(network, [0])


def test_a_cut_network_is_recorded_profiled_and_exported() -> None:
    torch.manual_seed(0)
    vit = timm.create_model("vit_tiny_patch16_224", img_size=64, embed_dim=24, depth=4, num_heads=3).eval()
    images, smaller = torch.randn(2, 3, 64, 64), tf.keep_blocks(vit, [1])
    with tf.record_attention(smaller) as recording, torch.no_grad():
        expected = smaller(images)
    assert list(recording.maps) == ["blocks.1"]
    assert tf.profile_attention(smaller, [images]).block_names == ("blocks.1",)
    exported = torch.export.export(smaller, (images,))
    torch.testing.assert_close(exported.module()(images), expected, atol=1e-6, rtol=0)
    assert not [name for name in exported.state_dict if name.startswith(("blocks.0", "blocks.2", "blocks.3"))]
