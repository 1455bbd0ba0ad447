"""What holds for the recording of every family of networks: docs/attention-models.md promises it."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import torch
from attended import Attended, attended
from families import FAMILIES, built
from foreign_networks import traces
from torch import Tensor, nn
from torch.overrides import _get_current_function_mode_stack

from trimformer.attention.recording.record import Recording, record_attention
from trimformer.attention.transformer.blocks import find_transformer
from trimformer.records.errors import UserError

every_family = pytest.mark.parametrize("name", FAMILIES)


@dataclass(frozen=True)
class Case:
    """One network, what it gave with and without being recorded, and what was recorded."""

    network: nn.Module
    images: Tensor
    hooks: int
    """Of its own: Hugging Face's networks have some."""
    plain: Tensor
    recorded: Tensor
    recording: Recording
    expected: list[Attended]


def first_output(output: Any) -> Tensor:
    """The tensor that a network returns, alone or first among others."""
    tensor: Tensor = output if isinstance(output, torch.Tensor) else output[0]
    return tensor.detach()


@cache
def case(name: str) -> Case:
    network, images = built(name)
    with torch.no_grad():
        plain = first_output(network(images))
        hooks = traces(network)
        with record_attention(network, scores=True, heads=True) as recording:
            recorded = first_output(network(images))
    blocks = FAMILIES[name].blocks
    paths = [block.attention for block in blocks]
    biases = [block.bias(network.get_submodule(block.attention)) for block in blocks]
    return Case(network, images, hooks, plain, recorded, recording, attended(network, images, paths, biases))


@every_family
def test_the_output_is_the_same_and_no_trace_is_left(name: str) -> None:
    found = case(name)
    torch.testing.assert_close(found.recorded, found.plain, atol=1e-5, rtol=0)
    assert traces(found.network) == found.hooks
    assert _get_current_function_mode_stack() == []
    assert torch.backends.mha.get_fastpath_enabled()


@every_family
def test_blocks_have_their_names_and_tokens_their_places(name: str) -> None:
    recording, blocks = case(name).recording, FAMILIES[name].blocks
    assert list(recording.maps) == [block.name for block in blocks]
    for block in blocks:
        places = recording.grids[block.name]
        torch.testing.assert_close(places.query_px, block.queries, equal_nan=True, atol=1e-4, rtol=0)
        torch.testing.assert_close(places.key_px, block.keys, equal_nan=True, atol=1e-4, rtol=0)


@every_family
def test_maps_equal_a_float64_recomputation(name: str) -> None:
    found = case(name)
    for maps, (scores, _) in zip(found.recording.maps.values(), found.expected, strict=True):
        assert maps.dtype == torch.float32
        torch.testing.assert_close(maps.double(), scores.softmax(dim=-1), atol=1e-5, rtol=0)
        torch.testing.assert_close(maps.sum(dim=-1), torch.ones(maps.shape[:-1]))


@every_family
def test_scores_and_outputs_of_heads_equal_a_float64_recomputation(name: str) -> None:
    found = case(name)
    outputs = found.recording.outputs.values()
    kept = zip(found.recording.scores.values(), outputs, found.expected, strict=True)
    for scores, mixed, (expected, values) in kept:
        seen = expected.isfinite()
        torch.testing.assert_close(scores.double()[seen], expected[seen], atol=1e-4, rtol=1e-5)
        torch.testing.assert_close(mixed.double(), expected.softmax(dim=-1) @ values, atol=1e-4, rtol=1e-5)


@every_family
def test_an_exception_in_the_last_block_leaves_no_trace(name: str) -> None:
    found = case(name)
    failing = found.network.get_submodule(FAMILIES[name].blocks[-1].attention).register_forward_hook(lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError), torch.no_grad(), record_attention(found.network):
        found.network(found.images)
    failing.remove()
    assert traces(found.network) == found.hooks
    assert _get_current_function_mode_stack() == []


@every_family
def test_one_sequence_of_blocks_is_found_with_its_grid_and_others_are_refused(name: str) -> None:
    family, found = FAMILIES[name], case(name)
    if family.grid is None:
        with pytest.raises(UserError, match="recorded"):
            find_transformer(found.network, found.images)
        return
    transformer = find_transformer(found.network, found.images)
    assert transformer.names == tuple(block.name for block in family.blocks)
    grid = transformer.grid
    assert (grid.grid_size, grid.patch_sizes, grid.num_prefix_tokens) == family.grid
    assert found.recording.grid_size == family.grid[0]
    assert found.recording.num_prefix_tokens == family.grid[2]
    projections = [found.network.get_submodule(path) for path in family.projections]
    assert [block.projection for block in transformer.blocks] == projections
