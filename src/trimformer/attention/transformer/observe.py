"""What every block gives to its attention, told while the network runs; nothing is stored."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from trimformer.attention.calls.follow import first_tensor, in_this_pass
from trimformer.attention.calls.fused import Heads, see_functions
from trimformer.attention.calls.written import AttentionReader
from trimformer.attention.transformer.blocks import AttentionBlock


@dataclass(frozen=True, kw_only=True)
class AttentionCall(Heads):
    """What one block gave to its attention: enough to compute maps, scores and the norms of what was mixed."""

    index: int
    """Which block, counted from 0."""
    block_input: Float[Tensor, "batch tokens width"]
    """The residual stream as it entered the block."""
    projection: nn.Linear
    """W_O, which mixes the heads."""
    layer_scale: Float[Tensor, " width"] | None = None

    def output_weight(self) -> Float[Tensor, "width heads_times_depth"]:
        """W_O, its rows multiplied by the LayerScale where there is one."""
        weight = self.projection.weight
        return weight if self.layer_scale is None else self.layer_scale[:, None] * weight


@contextmanager
def observe_attention(blocks: Sequence[AttentionBlock], observer: Callable[[AttentionCall], None]) -> Iterator[None]:
    """Call `observer` once for each block of each forward pass; nothing is stored and no trace is left.

    What other threads run meanwhile is not told, nor what autograd runs again.
    """
    running = _RunningBlocks(blocks, observer)
    with ExitStack() as hooks:
        for index, block in enumerate(blocks):
            entering = partial(running.entering, index)
            hooks.callback(block.module.register_forward_pre_hook(entering, with_kwargs=True).remove)
            hooks.callback(block.module.register_forward_hook(running.leaving, always_call=True).remove)
        hooks.enter_context(see_functions(running.see, running.saw))
        yield


class _RunningBlocks:
    """Knows which block runs, and hands on what its attention is given."""

    def __init__(self, blocks: Sequence[AttentionBlock], observer: Callable[[AttentionCall], None]) -> None:
        self._blocks, self._observer = blocks, observer
        self._running: list[tuple[int, Tensor]] = []
        self._reader, self._is_ours = AttentionReader(), in_this_pass()

    def entering(self, index: int, _block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._is_ours():
            tokens = first_tensor(args, kwargs)
            assert tokens is not None
            self._running.append((index, tokens.transpose(0, 1) if self._blocks[index].tokens_first else tokens))

    def leaving(self, *_: object) -> None:
        if self._is_ours():
            self._running.pop()

    def see(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._running and (heads := self._reader.heads(function, args, kwargs)):
            self._tell(heads)

    def saw(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        if self._running:
            self._reader.ran(function, args, kwargs, result)

    @torch.no_grad()
    def _tell(self, heads: Heads) -> None:
        index, block_input = self._running[-1]
        block = self._blocks[index]
        heads = heads if block.head_axis is None else block.head_axis.of(heads)
        with full_precision(heads.query):
            self._observer(
                AttentionCall(
                    **vars(heads),
                    index=index,
                    block_input=block_input,
                    projection=block.projection,
                    layer_scale=block.layer_scale,
                )
            )


def full_precision(tensor: Tensor) -> torch.autocast:
    """What is measured is not rounded once more."""
    return torch.autocast(tensor.device.type, enabled=False)
