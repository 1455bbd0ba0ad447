"""The transformer inside any network: its blocks in their order, and what lies between attention and residual."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trimformer.attention.follow import Event, follow
from trimformer.attention.token_grid import TokenGrid, find_token_grid
from trimformer.records.errors import UserError


@dataclass(frozen=True)
class AttentionBlock:
    """One transformer block."""

    name: str
    module: nn.Module
    projection: nn.Linear
    """W_O, which mixes the heads."""
    layer_scale: Tensor | None = None
    """What multiplies the output of W_O, channel by channel."""
    tokens_first: bool = False
    """Whether the block takes (tokens, batch, width) and not (batch, tokens, width)."""


@dataclass(frozen=True)
class Transformer:
    """The blocks of a network, in the order in which they run, and the grid of their tokens."""

    blocks: tuple[AttentionBlock, ...]
    grid: TokenGrid

    @property
    def names(self) -> tuple[str, ...]:
        """The blocks' names."""
        return tuple(block.name for block in self.blocks)


def own_transformer(model: nn.Module) -> Transformer | None:
    """What a hybrid says of itself by `model.transformer`; None for a network that is not ours.

    Raises:
        UserError: A hybrid without a block.
    """
    transformer: Any = getattr(model, "transformer", None)
    blocks = getattr(transformer, "blocks", None)
    if not isinstance(blocks, nn.ModuleList) or not hasattr(transformer, "grid_size"):
        return None
    if len(blocks) == 0:
        raise nothing_recorded(model, ())
    modules: list[Any] = list(blocks)
    return Transformer(
        tuple(AttentionBlock(f"blocks.{index}", block, block.attn.proj) for index, block in enumerate(modules)),
        TokenGrid(tuple(transformer.grid_size), transformer.patch_size),
    )


@torch.no_grad()
def find_transformer(model: nn.Module, images: Tensor) -> Transformer:
    """The transformer of any network, found by looking at how it treats one image; ours tell it without that.

    Args:
        model: A network in evaluation mode.
        images: (batch, channels, rows, columns); the first is shown to the network.

    Raises:
        UserError: No fused attention runs; the blocks are no plain sequence with one attention each; tokens lie on
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
    with follow(model, lambda event, _: events.append(event), lambda: None):
        model(images[:1])
    names = name_blocks(model, events)
    batch, _, num_tokens, _ = one_shape(events)
    grid = find_token_grid(model, num_tokens, (images.shape[-2], images.shape[-1])) if batch == 1 else None
    if grid is None:
        raise UserError(
            "A block's tokens are square patches of the whole image, with at most 8 tokens in front",
            f"attention among {num_tokens} tokens of {tuple(images.shape[-2:])} pixels, {batch} times an image",
            "Give images whose sides the patch divides; attention in windows cannot be measured yet.",
        )
    return Transformer(tuple(_block(model, name, events) for name in names), grid)


def name_blocks(model: nn.Module, events: Sequence[Event]) -> list[str]:
    """For every attention of a forward pass, the full path of the block that it runs in.

    The blocks are the members of one `nn.ModuleList` or `nn.Sequential`, each with one of the attentions. Where a
    single attention leaves several to choose from, it is the outermost of equal members.

    Raises:
        UserError: No attention ran, or there is no such sequence.
    """
    stacks = [event.stack for event in events if event.kind == "attention"]
    if not stacks:
        raise nothing_recorded(model, events)
    sequences = [_parent(name) for name in stacks[0] if _is_sequence(model, _parent(name))]
    members = [[_member(sequence, stack) for stack in stacks] for sequence in sequences]
    fitting = [names for names in members if None not in names and len(set(names)) == len(stacks)]
    if not fitting:
        raise UserError(
            "A transformer is one nn.ModuleList or nn.Sequential of blocks with one attention each",
            _why_not(members, stacks),
            "Give the part of the network that is such a sequence; stages and cross-attention cannot be measured yet.",
        )
    equal = [names for names in fitting if _members_are_equal(model, str(names[0]), events)]
    return [str(name) for name in (equal or fitting)[0]]


def nothing_recorded(model: nn.Module, events: Sequence[Event]) -> UserError:
    """The error of a network in which no attention could be seen."""
    if softmaxes := list(dict.fromkeys(event.stack[-1] for event in events if event.kind == "softmax")):
        return UserError(
            "Attention can be seen where torch computes it in one function",
            f"a softmax written out by the network, in {_some(softmaxes)}",
            "Choose the fused attention: timm.layers.set_fused_attn(True) before timm creates the model, "
            'attn_implementation="sdpa" of Hugging Face, use_flash_attention=True of MONAI, '
            "F.scaled_dot_product_attention in your own code.",
        )
    return UserError(
        "A model whose attention is recorded has transformer blocks",
        f"no attention run in {type(model).__name__}",
        "Give a model with at least one block; inside record_attention, call it.",
    )


def _parent(name: str) -> str:
    return name.rpartition(".")[0]


def _is_sequence(model: nn.Module, name: str) -> bool:
    return isinstance(model.get_submodule(name), nn.ModuleList | nn.Sequential)


def _member(sequence: str, stack: tuple[str, ...]) -> str | None:
    """The member of a sequence that runs, if one does."""
    return next((name for name in stack if name and _parent(name) == sequence), None)


def _members_are_equal(model: nn.Module, name: str, events: Sequence[Event]) -> bool:
    """Whether a block is one of a sequence of the same class, and takes tokens."""
    shapes = next(event.shapes for event in events if event.kind == "module" and event.stack[-1] == name)
    return len({type(member) for member in model.get_submodule(_parent(name)).children()}) == 1 and len(shapes[0]) == 3


def _why_not(members: Sequence[Sequence[str | None]], stacks: Sequence[tuple[str, ...]]) -> str:
    for names in members:
        name, count = Counter(names).most_common(1)[0]
        if None not in names and count > 1 and len(set(names)) > 1:
            return f"{count} attentions in {name}"
    if members and None not in members[-1]:
        return f"{len(stacks)} attentions in {members[-1][0]}"
    return f"attention in {_some([stack[-1] or 'the network itself' for stack in stacks])}"


def _some(names: Sequence[str]) -> str:
    """The names, or the first of many."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def one_shape(events: Sequence[Event]) -> tuple[int, ...]:
    """The shape of the queries, the same in every block.

    Raises:
        UserError: It is not, or keys are others than the queries.
    """
    shapes = [event.shapes for event in events if event.kind == "attention"]
    for query, value in shapes:
        if query[:3] != shapes[0][0][:3] or query[2] != value[2]:
            raise UserError(
                "Every block attends with as many heads, from all tokens to all tokens",
                f"(batch, heads, queries, depth) {query} and {shapes[0][0]}, {value[2]} keys",
                "Attention in windows or to reduced keys cannot be measured yet.",
            )
    return shapes[0][0]


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
    shape = inside[0].shapes[0]
    if projection is None or projection.weight.shape != (shape[-1], num_heads * depth):
        raise UserError(
            "In a block, a linear layer leads from the heads back to the width of the tokens",
            f"none in {name}, tokens {shape} and {num_heads} heads of {depth}",
            "Give a network whose blocks take tokens (batch, tokens, width) and end their attention so.",
        )
    return AttentionBlock(name, model.get_submodule(name), projection, _layer_scale(after), shape[0] == num_tokens)


def _layer_scale(after: Sequence[Event]) -> Tensor | None:
    """The vector that multiplies every token right after W_O, if such a module comes there."""
    following = next((event.module for event in after if any(True for _ in event.module.parameters())), nn.Identity())
    parameters = list(following.parameters())
    if len(parameters) != 1 or parameters[0].ndim != 1:
        return None
    (scale,) = parameters
    tokens = torch.linspace(-1, 2, 2 * len(scale), dtype=scale.dtype, device=scale.device).view(1, 2, -1)
    return scale.detach() if torch.allclose(following(tokens.clone()), tokens * scale) else None
