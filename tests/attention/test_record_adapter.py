"""Two kinds of networks whose attention cannot be seen from outside, and the ten lines that let it be recorded."""

from typing import Any

import pytest
import torch
from foreign_networks import HEADS, WIDTH, Patches, traces
from torch import Tensor, nn

from trimformer.attention.calls.fused import Heads
from trimformer.attention.calls.token_places import places_on_grid
from trimformer.attention.recording.adapter import AttentionAdapter
from trimformer.attention.recording.record import record_attention
from trimformer.attention.transformer.token_grid import TokenGrid
from trimformer.records.errors import UserError

IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


class HandMade(nn.Module):
    """Writes its softmax by hand; `tells` hands the maps out beside the tokens, as Segmenter's blocks do."""

    def __init__(self, tells: bool) -> None:
        super().__init__()
        self.qkv, self.tells = nn.Linear(WIDTH, 3 * WIDTH), tells

    def forward(self, tokens: Tensor) -> Any:
        query, key, value = self.qkv(tokens).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        powers = (query @ key.mT * (WIDTH // HEADS) ** -0.5).exp()
        maps = powers / powers.sum(dim=-1, keepdim=True)
        mixed = torch.add(tokens, (maps @ value).transpose(1, 2).flatten(2))
        return (mixed, maps) if self.tells else mixed


class HandMadeNetwork(nn.Module):
    def __init__(self, tells: bool) -> None:
        super().__init__()
        self.patches, self.blocks = Patches(), nn.ModuleList(HandMade(tells) for _ in range(2))

    def forward(self, images: Tensor) -> Tensor:
        tokens: Any = self.patches(images)
        for block in self.blocks:
            tokens = block(tokens)
            tokens = tokens[0] if isinstance(tokens, tuple) else tokens
        return torch.as_tensor(tokens)


def network(tells: bool) -> Any:
    torch.manual_seed(0)
    return HandMadeNetwork(tells).eval()


def expected_maps(model: Any) -> list[Tensor]:
    tokens, maps = model.patches(IMAGES).double(), []
    for block in model.blocks:
        packed = tokens @ block.qkv.weight.double().T + block.qkv.bias.double()
        query, key, value = packed.unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        maps.append((query @ key.mT / (WIDTH // HEADS) ** 0.5).softmax(dim=-1))
        tokens = tokens + (maps[-1] @ value).transpose(1, 2).flatten(2)
    return maps


def test_a_network_that_tells_its_maps_is_recorded_by_them() -> None:
    model = network(tells=True)

    adapter = AttentionAdapter(
        blocks={f"blocks.{index}": block for index, block in enumerate(model.blocks)},
        attention=lambda _block, _args, output: output[1],
    )

    with record_attention(model, adapter=adapter) as recording:
        model(IMAGES)
    assert list(recording.maps) == ["blocks.0", "blocks.1"]
    for maps, expected in zip(recording.maps.values(), expected_maps(model), strict=True):
        torch.testing.assert_close(maps.double(), expected, atol=1e-5, rtol=0)
    assert traces(model) == 0


def test_a_network_that_tells_nothing_is_recorded_by_its_queries_keys_and_values() -> None:
    model = network(tells=False)

    def attention(block: Any, args: tuple[Any, ...], _output: object) -> Heads:
        query, key, value = block.qkv(args[0]).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        return Heads(query, key, value, scale=query.shape[-1] ** -0.5)

    blocks = {f"blocks.{index}": block for index, block in enumerate(model.blocks)}
    grids = dict.fromkeys(blocks, places_on_grid(TokenGrid((4, 4), (8, 8))))
    adapter = AttentionAdapter(blocks, attention, grids)

    with record_attention(model, adapter=adapter, scores=True, heads=True) as recording:
        model(IMAGES)
        model(IMAGES[:1])
    for name, expected in zip(blocks, expected_maps(model), strict=True):
        torch.testing.assert_close(recording.maps[name][:2].double(), expected, atol=1e-5, rtol=0)
        torch.testing.assert_close(recording.scores[name].softmax(-1), recording.maps[name])
        assert recording.outputs[name].shape == (3, HEADS, 16, WIDTH // HEADS)
        assert not recording.outputs[name].requires_grad
    assert recording.grids["blocks.1"].query_px[0, 5].tolist() == [12, 12]


def test_without_an_adapter_it_is_said_that_nothing_was_seen() -> None:
    model = network(tells=False)
    with pytest.raises(UserError, match="AttentionAdapter"), record_attention(model):
        model(IMAGES)


def test_what_an_adapter_cannot_tell_is_said_and_leaves_no_trace() -> None:
    model = network(tells=True)
    maps_alone = AttentionAdapter({"only": model.blocks[0]}, lambda _block, _args, output: output[1])
    with pytest.raises(UserError, match="maps of only alone"), record_attention(model, adapter=maps_alone, scores=True):
        model(IMAGES)
    with pytest.raises(UserError, match="nothing from only"), record_attention(model, adapter=maps_alone):
        pass
    with pytest.raises(UserError, match="others as only"), record_attention(network(True), adapter=maps_alone):
        pass
    assert traces(model) == 0
