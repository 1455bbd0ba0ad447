from typing import Any

import pytest
import torch
from foreign_networks import IMAGES, NETWORKS, foreign, traces
from torch import Tensor, nn

from trimformer.attention.transformer.blocks import AttentionBlock, Transformer, find_transformer
from trimformer.attention.transformer.states import observe_states, run_blocks
from trimformer.attention.transformer.token_grid import TokenGrid
from trimformer.records.errors import UserError


@pytest.mark.parametrize("name", NETWORKS)
def test_the_states_are_what_enters_the_first_block_and_what_every_block_gives(name: str) -> None:
    network = foreign(name)
    transformer = find_transformer(network, IMAGES)
    expected: list[Tensor] = []
    told: dict[int, Tensor] = {}
    modules: list[Any] = [block.module for block in transformer.blocks]
    calls = [module.forward for module in modules]
    for module, call in zip(modules, calls, strict=True):
        module.forward = lambda *args, _call=call, **kwargs: _keep(expected, _call, *args, **kwargs)
    with torch.no_grad():
        run_blocks(network, transformer, IMAGES, lambda depth, states: told.update({depth: states.clone()}))
    assert list(told) == [0, 1, 2]
    assert all(len(states) == 2 for states in told.values())
    if transformer.blocks[0].tokens_first:
        expected = [states.transpose(0, 1) for states in expected]
    assert all(torch.equal(*pair) for pair in zip(told.values(), expected[:1] + expected[1::2], strict=True))
    assert traces(network) == 0


def _keep(seen: list[Tensor], call: Any, *args: Any, **kwargs: Any) -> Tensor:
    output: Tensor = call(*args, **kwargs)
    seen += [next(iter((*args, *kwargs.values()))), output]
    return output


class Chain(nn.Module):
    """Blocks that add one, some of them left out; an output in a tuple or under a name."""

    def __init__(self, runs: int, wrap: Any) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_AddOne(wrap) for _ in range(2))
        self.runs = runs
        self.finished = False

    def forward(self, images: Tensor) -> None:
        tokens: Any = images.flatten(2).transpose(1, 2)
        for block in self.blocks[: self.runs]:
            tokens = block(tokens)
            tokens = tokens["states"] if isinstance(tokens, dict) else tokens[0]
        self.finished = True


class _AddOne(nn.Module):
    def __init__(self, wrap: Any) -> None:
        super().__init__()
        self.wrap = wrap

    def forward(self, tokens: Tensor) -> Any:
        return self.wrap(tokens + 1)


def _transformer(network: Chain) -> Transformer:
    modules = list(network.blocks)
    blocks = tuple(AttentionBlock(f"blocks.{i}", module, nn.Linear(1, 1)) for i, module in enumerate(modules))
    return Transformer(blocks, TokenGrid((2, 2), (1, 1)))


@pytest.mark.parametrize("wrap", [lambda tokens: (tokens, None), lambda tokens: {"states": tokens}])
def test_a_block_may_give_its_tokens_among_others_and_nothing_runs_after_the_last(wrap: Any) -> None:
    network = Chain(2, wrap)
    seen: list[Tensor] = []
    run_blocks(network, _transformer(network), torch.zeros(1, 1, 2, 2), lambda _, states: seen.append(states.mean()))
    assert [float(mean) for mean in seen] == [0, 1, 2]
    assert not network.finished


def test_a_block_that_is_left_out_is_an_error() -> None:
    network = Chain(1, lambda tokens: (tokens,))
    with pytest.raises(UserError, match="found 1 of 2 blocks seen"):
        run_blocks(network, _transformer(network), torch.zeros(1, 1, 2, 2), lambda *_: None)
    assert traces(network) == 0


def test_no_hook_stays_when_the_observer_fails() -> None:
    network = Chain(2, lambda tokens: (tokens,))

    def fail(*_: object) -> None:
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"), observe_states(_transformer(network).blocks, fail):
        network(torch.zeros(1, 1, 2, 2))
    assert traces(network) == 0
