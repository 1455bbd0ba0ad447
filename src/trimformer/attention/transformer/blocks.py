"""The transformer inside any network: its blocks in their order, and what lies between attention and residual."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from trimformer.attention.calls.follow import Event, follow
from trimformer.attention.calls.head_axis import HeadAxis
from trimformer.attention.calls.positions import PositionTracer
from trimformer.attention.transformer.found_grid import common_grid, fitting_grid
from trimformer.attention.transformer.naming import name_blocks, nothing_recorded
from trimformer.attention.transformer.token_grid import TokenGrid
from trimformer.records.errors import UserError


@dataclass(frozen=True)
class AttentionBlock:
    """One transformer block."""

    name: str
    module: nn.Module
    projection: nn.Linear
    """W_O, which mixes the heads."""
    layer_scale: nn.Parameter | None = None
    """What multiplies the output of W_O, channel by channel."""
    tokens_first: bool = False
    """Whether the block takes (tokens, batch, width) and not (batch, tokens, width)."""
    head_axis: HeadAxis | None = None
    """Where its heads stand, if not right in front of the tokens."""


@dataclass(frozen=True)
class Transformer:
    """The blocks of a network, in the order in which they run, and the grid of their tokens."""

    blocks: tuple[AttentionBlock, ...]
    grid: TokenGrid

    @property
    def names(self) -> tuple[str, ...]:
        """The blocks' names."""
        return tuple(block.name for block in self.blocks)

    def in_copy(self, model: nn.Module, copied: nn.Module) -> "Transformer":
        """The transformer of a deep copy of the network, which need not be looked at again."""
        modules: dict[nn.Module, Any] = dict(zip(model.modules(), copied.modules(), strict=True))
        weights: dict[nn.Parameter | None, nn.Parameter] = dict(
            zip(model.parameters(), copied.parameters(), strict=True)
        )
        blocks = (
            replace(
                block,
                module=modules[block.module],
                projection=modules[block.projection],
                layer_scale=weights.get(block.layer_scale),
            )
            for block in self.blocks
        )
        return replace(self, blocks=tuple(blocks))


def own_transformer(model: nn.Module) -> Transformer | None:
    """What a hybrid says of itself by `model.transformer`; None for a network that is not ours.

    Raises:
        UserError: A hybrid without a block.
    """
    transformer: Any = getattr(model, "transformer", None)
    blocks = getattr(transformer, "blocks", None)
    told = all(hasattr(transformer, name) for name in ("taps", "grid_size", "patch_size"))
    if not told or not isinstance(blocks, nn.ModuleList):
        return None
    if len(blocks) == 0:
        raise nothing_recorded(model, ())
    modules: list[Any] = list(blocks)
    return Transformer(
        tuple(AttentionBlock(f"blocks.{index}", block, block.attn.proj) for index, block in enumerate(modules)),
        TokenGrid(tuple(transformer.grid_size), (transformer.patch_size,) * 2),
    )


@torch.no_grad()
def find_transformer(model: nn.Module, images: Tensor, grid: TokenGrid | None = None) -> Transformer:
    """The transformer of any network, found by looking at how it treats one image; ours tell it without that.

    Args:
        model: A network in evaluation mode.
        images: (batch, channels, rows, columns), or volumes (batch, channels, *size); the first is shown to the
            network.
        grid: Where its tokens lie, if that is to be told and not found.

    Raises:
        UserError: No attention runs; the blocks are no plain sequence with one attention each; tokens lie on
            no grid; or a block has no linear W_O.

    Example:
        >>> import timm
        >>> vit = timm.create_model("vit_tiny_patch16_224", img_size=64, depth=2).eval()
        >>> transformer = find_transformer(vit, torch.zeros(1, 3, 64, 64))
        >>> transformer.names, transformer.grid.grid_size, transformer.grid.num_prefix_tokens
        (('blocks.0', 'blocks.1'), (4, 4), 1)
    """
    if own := own_transformer(model):
        return own
    events: list[Event] = []
    with follow(model, lambda event, _: events.append(event), lambda: None, PositionTracer()):
        model(images[:1])
    names = name_blocks(model, events)
    attentions = [event for event in events if event.kind == "attention"]
    shape = (1, *images.shape[1:])
    grid = fitting_grid(grid or common_grid(model, attentions, shape), attentions, shape)
    return Transformer(tuple(_block(model, name, events) for name in names), grid)


def _block(model: nn.Module, name: str, events: Sequence[Event]) -> AttentionBlock:
    """What a block does with its attention, read from what happened inside it."""
    inside = [event for event in events if name in event.stack]
    start = next(index for index, event in enumerate(inside) if event.kind == "attention")
    attention, after = inside[start], [event for event in inside[start + 1 :] if event.kind == "module"]
    linears = [index for index, event in enumerate(after) if isinstance(event.module, nn.Linear)]
    projection: Any = getattr(attention.module, "out_proj", None)
    if not isinstance(attention.module, nn.MultiheadAttention):
        projection = after[linears[0]].module if linears else None
        after = after[linears[0] + 1 :] if linears else []
    _, num_heads, num_tokens, depth = attention.shapes[1]
    shape = next(iter(inside[0].shapes), ())
    if len(shape) != 3 or projection is None or projection.weight.shape != (shape[-1], num_heads * depth):
        raise UserError(
            "In a block, a linear layer leads from the heads back to the width of the tokens",
            f"none in {name}, tokens {shape} and {num_heads} heads of {depth}",
            "Give a network whose blocks take tokens (batch, tokens, width) and end their attention so.",
        )
    module, tokens_first = model.get_submodule(name), shape[0] == num_tokens
    return AttentionBlock(name, module, projection, _layer_scale(after), tokens_first, attention.head_axis)


def _layer_scale(after: Sequence[Event]) -> nn.Parameter | None:
    """The vector that multiplies every token right after W_O, if such a module comes there."""
    following = next((event.module for event in after if any(True for _ in event.module.parameters())), nn.Identity())
    parameters = list(following.parameters())
    if len(parameters) != 1 or parameters[0].ndim != 1:
        return None
    (scale,) = parameters
    tokens = torch.linspace(-1, 2, 2 * len(scale), dtype=scale.dtype, device=scale.device).view(1, 2, -1)
    return scale if torch.allclose(following(tokens.clone()), tokens * scale) else None
