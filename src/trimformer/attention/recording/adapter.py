"""A word from the user on how to read a network whose attention cannot be seen from outside."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from trimformer.attention.calls.follow import in_this_pass
from trimformer.attention.calls.fused import Heads
from trimformer.attention.calls.token_places import TokenPlaces
from trimformer.attention.recording.recorded import Recording, Wanted, append
from trimformer.attention.transformer.token_grid import TokenGrid
from trimformer.records.errors import UserError

Maps = Float[Tensor, "batch heads queries keys"]


@dataclass(frozen=True)
class AttentionAdapter:
    """Which modules of a network are blocks, and what a block attended to, read when it has run.

    Example:
        A block that returns its maps beside its tokens:

        >>> class Block(nn.Module):
        ...     def forward(self, tokens):
        ...         powers = (tokens @ tokens.mT).square().unsqueeze(1)
        ...         maps = powers / powers.sum(dim=-1, keepdim=True)
        ...         return (maps @ tokens.unsqueeze(1)).squeeze(1), maps
        >>> block = Block()
        >>> adapter = AttentionAdapter({"only": block}, lambda _block, _args, output: output[1])
        >>> import trimformer as tf
        >>> with tf.record_attention(block, adapter=adapter) as recording:
        ...     _ = block(torch.ones(1, 5, 6))
        >>> recording.maps["only"][0, 0, 0].tolist()
        [0.20000000298023224, 0.20000000298023224, 0.20000000298023224, 0.20000000298023224, 0.20000000298023224]
    """

    blocks: Mapping[str, nn.Module]
    """The blocks by the names that they get, in their order."""
    attention: Callable[[nn.Module, tuple[Any, ...], Any], Heads | Maps]
    """Told a block, what it was called with and what it returned: its queries, keys and values, or its maps alone."""
    grids: Mapping[str, TokenPlaces] = field(default_factory=dict)
    """Where tokens lie, by block name, if blocks differ; else `record_attention` is told the grid of all."""


@contextmanager
def record_adapted(
    model: nn.Module, adapter: AttentionAdapter, recording: Recording, wanted: Wanted, grid: TokenGrid | None
) -> Iterator[None]:
    """Record what the adapter reads each time that one of its blocks has run.

    Raises:
        UserError: A block is not in the model or did not run; or scores or outputs are wanted and it tells maps alone;
            or what it tells is not (batch, heads, queries, keys); or no block has the tokens of the grid.
    """
    if strangers := [name for name, block in adapter.blocks.items() if all(block is not m for m in model.modules())]:
        raise UserError(
            "An adapter names modules of the model that is recorded",
            f"others as {', '.join(strangers)}",
            "Make the adapter from the same model.",
        )
    recording.grids.update(adapter.grids)
    is_ours = in_this_pass()

    def reading(name: str) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
        @torch.no_grad()
        def hook(block: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            if is_ours():
                append(recording, name, _kept(name, adapter.attention(block, args, output), wanted))

        return hook

    with ExitStack() as hooks:
        for name, block in adapter.blocks.items():
            hooks.callback(block.register_forward_hook(reading(name)).remove)
        yield
    if missing := [name for name in adapter.blocks if name not in recording.maps]:
        raise UserError(
            "Every block of an adapter must run inside the recording",
            f"nothing from {', '.join(missing)}",
            "Call the model inside the `with`; name blocks that are called as modules.",
        )
    if grid is not None:
        recording.lay(grid, told=True)


def _kept(name: str, attention: Heads | Tensor, wanted: Wanted) -> dict[str, Tensor]:
    told = attention.query if isinstance(attention, Heads) else attention
    if told.ndim != 4:
        raise UserError(
            "An adapter tells maps (batch, heads, queries, keys), or such queries, keys and values",
            f"{tuple(told.shape)} from {name}",
            "Give it an axis of heads, with one head if need be.",
        )
    if isinstance(attention, Heads):
        return wanted.of(attention)
    if wanted.scores or wanted.heads:
        raise UserError(
            "Scores and the outputs of heads need queries, keys and values",
            f"an adapter that tells the maps of {name} alone",
            "Let it return Heads(query, key, value, scale).",
        )
    return {"maps": attention.float()}
