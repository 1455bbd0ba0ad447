"""A recording that misses some of the blocks is none."""

from typing import Any

import pytest
import torch
from foreign_networks import IMAGES, OwnBlock, OwnNetwork, foreign, traces
from torch import Tensor

from trimformer.attention.recording.record import record_attention
from trimformer.records.errors import UserError


class InAnotherKernel(OwnNetwork):
    """Its second block attends where torch cannot be followed."""

    def __init__(self) -> None:
        super().__init__(num_blocks=3)
        hidden: Any = self.blocks[1]
        hidden.forward = lambda tokens: tokens


class Mixing(OwnBlock):
    """Its maps are changed after the softmax: they are no longer what weighs the values."""

    def forward(self, *, tokens: Tensor) -> Tensor:
        maps = (tokens @ tokens.mT).softmax(dim=-1)
        return (maps + maps.mT) / 2 @ tokens


def test_a_block_of_the_same_making_that_is_not_seen_is_an_error() -> None:
    network = InAnotherKernel().eval()
    with pytest.raises(UserError, match=r"2 blocks that do, and nothing from blocks\.1"), record_attention(network):
        network(IMAGES)
    assert traces(network) == 0


def test_maps_that_are_changed_after_the_softmax_are_not_taken_for_those_that_weigh_the_values() -> None:
    network = OwnNetwork(num_blocks=2).eval()
    network.blocks = torch.nn.ModuleList(Mixing() for _ in range(2))
    with pytest.raises(UserError, match="AttentionAdapter"), record_attention(network):
        network(IMAGES)


def test_blocks_that_did_not_run_are_not_missed() -> None:
    network = foreign("own")
    with record_attention(network) as recording, torch.no_grad():
        first: Any = network.get_submodule("blocks.0")
        first(tokens=network.get_submodule("patches")(IMAGES))
    assert list(recording.maps) == ["blocks.0"]
