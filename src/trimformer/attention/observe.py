"""What every block gives to its attention, told while the network runs; nothing is stored."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from trimformer.attention.blocks import AttentionBlock
from trimformer.attention.follow import first_tensor
from trimformer.attention.fused import Heads, heads_of, see_functions


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
    """Call `observer` once for each block of each forward pass; nothing is stored and no trace is left."""
    running: list[tuple[int, Tensor]] = []

    def entering(index: int) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], None]:
        def hook(_block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            tokens = first_tensor(args, kwargs)
            assert tokens is not None
            running.append((index, tokens.transpose(0, 1) if blocks[index].tokens_first else tokens))

        return hook

    def leaving(*_: object) -> None:
        running.pop()

    @torch.no_grad()
    def tell(heads: Heads) -> None:
        index, block_input = running[-1]
        block = blocks[index]
        with full_precision(heads.query):
            observer(
                AttentionCall(
                    **vars(heads),
                    index=index,
                    block_input=block_input,
                    projection=block.projection,
                    layer_scale=block.layer_scale,
                )
            )

    def see(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if running and (heads := heads_of(function, args, kwargs)):
            tell(heads)

    with ExitStack() as hooks:
        for index, block in enumerate(blocks):
            hooks.callback(block.module.register_forward_pre_hook(entering(index), with_kwargs=True).remove)
            hooks.callback(block.module.register_forward_hook(leaving, always_call=True).remove)
        hooks.enter_context(see_functions(see))
        yield


def full_precision(tensor: Tensor) -> torch.autocast:
    """What is measured is not rounded once more."""
    return torch.autocast(tensor.device.type, enabled=False)
