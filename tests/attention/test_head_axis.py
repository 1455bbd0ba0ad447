"""Heads before the windows, or counted with the batch, are recorded and measured as if right in front of the tokens."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from foreign_networks import OwnBlock, foreign
from timm.models.hiera import Hiera
from timm.models.nest import Nest
from timm.models.vision_transformer_sam import VisionTransformerSAM
from torch import Tensor, nn
from torch.nn import functional as F

from trimformer.attention.calls.fused import Heads
from trimformer.attention.calls.head_axis import HeadAxis, find_head_axis
from trimformer.attention.measures.organs import measure_organs
from trimformer.attention.profile import profile_attention
from trimformer.attention.recording.record import Recording, record_attention
from trimformer.data.batch import Batch

WIDTH, HEADS, WINDOWS, TOKENS = 24, 3, 4, 4
IMAGES = torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]


def in_front(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """As torch expects them: (batch, windows, heads, tokens, depth)."""
    return F.scaled_dot_product_attention(query, key, value)


def in_batch(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """As SAM: (batch * windows * heads, tokens, depth), with a mask for each, which here keeps all as it is."""
    first, second, third = (each.flatten(0, 2) for each in (query, key, value))
    mask = torch.zeros(len(first), TOKENS, TOKENS)
    return F.scaled_dot_product_attention(first, second, third, mask).view_as(query)


def in_batch_written(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The same by products."""
    scores = torch.bmm(query.flatten(0, 2), key.flatten(0, 2).mT) * query.shape[-1] ** -0.5
    return torch.bmm(scores.softmax(dim=-1), value.flatten(0, 2)).view_as(query)


def before_windows(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """As NesT and Hiera: (batch, heads, windows, tokens, depth)."""
    first, second, third = (each.transpose(1, 2) for each in (query, key, value))
    return F.scaled_dot_product_attention(first, second, third).transpose(1, 2)


def windows_behind(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """As HaloNet: (batch * heads, windows, tokens, depth)."""
    first, second, third = (each.transpose(1, 2).flatten(0, 1) for each in (query, key, value))
    mixed: Tensor = F.scaled_dot_product_attention(first, second, third).unflatten(0, (-1, HEADS))
    return mixed.transpose(1, 2)


class Block(nn.Module):
    def __init__(self, attend: Attend) -> None:
        super().__init__()
        self.qkv, self.attend = nn.Linear(WIDTH, 3 * WIDTH), attend

    def forward(self, tokens: Tensor) -> Tensor:
        query, key, value = self.qkv(tokens).unflatten(-1, (3, HEADS, -1)).permute(3, 0, 1, 4, 2, 5)
        return tokens + self.attend(query, key, value).transpose(2, 3).flatten(3)


class Windowed(nn.Module):
    """Tokens of 4 pixels in windows of two by two, which see nothing of each other."""

    def __init__(self, attend: Attend) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, WIDTH, 4, 4)
        self.blocks = nn.ModuleList(Block(attend) for _ in range(2))

    def forward(self, images: Tensor) -> Tensor:
        plane = self.patches(images).unflatten(3, (2, 2)).unflatten(2, (2, 2))
        tokens: Tensor = plane.permute(0, 2, 4, 3, 5, 1).reshape(-1, WINDOWS, TOKENS, WIDTH)
        for block in self.blocks:
            tokens = block(tokens)
        return tokens


def windowed(attend: Attend) -> nn.Module:
    torch.manual_seed(0)
    return Windowed(attend).eval()


def recorded(network: nn.Module, images: Tensor) -> Recording:
    with record_attention(network, scores=True, heads=True) as recording, torch.no_grad():
        network(images)
    return recording


LAYOUTS: dict[str, Attend] = {
    "counted with the batch": in_batch,
    "counted with the batch, written out": in_batch_written,
    "before windows": before_windows,
    "windows behind": windows_behind,
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_heads_are_told_from_windows(name: str) -> None:
    found, expected = (recorded(windowed(attend), IMAGES) for attend in (LAYOUTS[name], in_front))
    for block in ("blocks.0", "blocks.1"):
        assert found.maps[block].shape == (2 * WINDOWS, HEADS, TOKENS, TOKENS)
        for kind in ("maps", "scores", "outputs"):
            torch.testing.assert_close(getattr(found, kind)[block], getattr(expected, kind)[block])
        places = found.grids[block]
        assert places.query_px[1].tolist() == [[2, 10], [2, 14], [6, 10], [6, 14]]
        assert torch.equal(places.key_px, expected.grids[block].key_px)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_profile_does_not_depend_on_where_heads_stand(name: str) -> None:
    found, expected = (profile_attention(windowed(attend), [IMAGES]) for attend in (LAYOUTS[name], in_front))
    assert found.block_heads == expected.block_heads == (HEADS, HEADS)
    for key, values in expected.model.items():
        np.testing.assert_allclose(found.model[key], values, rtol=1e-5, atol=1e-6)


class OneWindow(OwnBlock):
    """A block of a plain sequence, its heads counted with the batch."""

    def forward(self, *, tokens: Tensor) -> Tensor:
        query, key, value = self.qkv(self.norm(tokens)).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        mixed = in_batch_written(*(each[:, None] for each in (query, key, value)))[:, 0]
        tokens = tokens + self.merge(mixed.transpose(1, 2).flatten(2))
        return torch.add(tokens, self.mlp(tokens))


def test_a_plain_sequence_is_measured_as_if_its_heads_stood_in_front() -> None:
    network, images = foreign("own"), torch.randn(2, 3, 32, 32)
    expected, field = profile_attention(network, [images]), measure_organs(network, [halves(images)], ORGANS)
    network.blocks = nn.ModuleList(rebuilt(block) for block in network.get_submodule("blocks").children())
    found = profile_attention(network, [images])
    assert (found.no_rollout, found.num_heads) == ("", HEADS)
    for key, values in expected.model.items():
        np.testing.assert_allclose(found.model[key], values, rtol=1e-5, atol=1e-6)
    again = measure_organs(network, [halves(images)], ORGANS)
    np.testing.assert_allclose(again.measures["share"], field.measures["share"], rtol=1e-5)


def rebuilt(block: nn.Module) -> nn.Module:
    """The same block with its heads counted with the batch."""
    new = OneWindow()
    new.load_state_dict(block.state_dict())
    return new.eval()


ORGANS = {1: "upper", 2: "lower"}


def halves(images: Tensor) -> Batch:
    labels = torch.ones(2, 32, 32, dtype=torch.uint8)
    labels[:, 16:] = 2
    return Batch(images, labels)


def packed_maps(network: nn.Module, images: Tensor, path: str, num_heads: int) -> Tensor:
    """softmax(Q K^T / sqrt(d)) of one attention, (batch, heads, ..., queries, keys), in float64, from its weights."""
    module: Any = network.get_submodule(path)
    entered: list[Tensor] = []
    handle = module.register_forward_pre_hook(lambda _, args: entered.append(args[0].double()))
    network(images)
    handle.remove()
    packed = entered[0] @ module.qkv.weight.double().T + module.qkv.bias.double()
    query, key, _ = packed.unflatten(-1, (3, num_heads, -1)).movedim(-3, 0).movedim(-2, 2)
    maps: Tensor = (query @ key.mT / query.shape[-1] ** 0.5).softmax(dim=-1)
    return maps


@torch.no_grad()
def test_nest_has_its_heads_and_windows() -> None:
    torch.manual_seed(0)
    network = Nest(img_size=32, patch_size=4, num_levels=2, embed_dims=(12, 24), num_heads=(3, 2), depths=(1, 1)).eval()
    images = torch.randn(2, 3, 32, 32)
    recording = recorded(network, images)
    expected = packed_maps(network, images, "levels.0.transformer_encoder.0.attn", 3).transpose(1, 2)
    first, second = recording.maps
    maps = recording.maps[first]
    torch.testing.assert_close(maps.double(), expected.flatten(0, 1), atol=1e-6, rtol=0)
    places = recording.grids[first]
    assert (places.num_windows, places.grid_size) == (4, (8, 8))
    assert places.query_px[2, 0].tolist() == [18, 2]  # the third window begins below the first
    assert recording.grids[second].num_windows == 1


@torch.no_grad()
def test_hiera_has_places_through_its_pooled_queries() -> None:
    torch.manual_seed(0)
    network = Hiera(img_size=(64, 64), embed_dim=8, num_heads=1, stages=(1, 1, 1, 1)).eval()
    images = torch.randn(2, 3, 64, 64)
    recording = recorded(network, images)
    shapes = [tuple(maps.shape) for maps in recording.maps.values()]
    assert shapes == [(8, 1, 64, 64), (8, 2, 16, 64), (8, 4, 4, 16), (2, 8, 4, 16)]
    first = recording.grids["blocks.0"]
    assert (first.num_windows, first.grid_size) == (4, (16, 16))
    second = recording.grids["blocks.1"]
    assert sorted(second.query_px[:, :, 0].flatten().unique().tolist()) == [4, 12, 20, 28, 36, 44, 52, 60]
    assert second.key_px.shape == (4, 64, 2)


@torch.no_grad()
def test_sam_has_its_heads_and_windows() -> None:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"embed_dim": 24, "depth": 2, "num_heads": 3, "window_size": 2, "global_attn_indexes": (1,)}
    network = VisionTransformerSAM(img_size=32, patch_size=8, **sizes).eval()
    images = torch.randn(2, 3, 32, 32)
    recording = recorded(network, images)
    assert [tuple(maps.shape) for maps in recording.maps.values()] == [(8, 3, 4, 4), (2, 3, 16, 16)]
    assert recording.grids["blocks.0"].query_px[1].tolist() == [[4, 20], [4, 28], [12, 20], [12, 28]]


def coordinates(places: Tensor) -> tuple[Tensor, Tensor]:
    """Of tokens (batch, slots, tokens) on a line: the number of the image, and the place."""
    images = torch.arange(1.0, len(places) + 1)[:, None, None].expand(places.shape)
    return images, places


def test_where_it_cannot_be_told_nothing_is_changed() -> None:
    line, mixed = torch.arange(1.0, 5), torch.tensor([[1.0, 2], [3, 4], [1, 2], [5, 6]])
    assert find_head_axis(coordinates(line.expand(2, 3, 4))) is None  # heads where they belong
    assert find_head_axis(coordinates(line.expand(2, 1, 4))) is None  # a single head
    assert find_head_axis((torch.zeros(2, 3, 4), torch.zeros(2, 3, 4))) is None  # tokens that stand nowhere
    assert find_head_axis(coordinates(mixed.expand(2, 4, 2))) is None  # neither heads nor windows
    assert find_head_axis(coordinates(torch.arange(1.0, 13).view(3, 4).expand(2, 3, 4))) == HeadAxis(1, 1)


def test_a_mask_goes_with_its_heads_and_one_for_all_stays() -> None:
    query, key, value = (torch.randn(6, 1, 4, 5) for _ in range(3))
    heads = Heads(query, key, value, scale=1.0, mask=torch.randn(4, 4))
    relaid = HeadAxis(3, 1).of(heads)
    assert relaid.mask is heads.mask
    torch.testing.assert_close(relaid.maps(), heads.maps().view(2, 3, 4, 4))
    each = replace(heads, mask=torch.randn(6, 1, 4, 4))
    torch.testing.assert_close(HeadAxis(3, 1).of(each).maps(), each.maps().view(2, 3, 4, 4))
