"""What a block of an unknown network may be given, to see what it returns."""

import inspect
from collections.abc import Iterator
from math import isqrt
from typing import Any

import torch
from torch import Tensor, nn

FEW_TOKENS = 16
"""A square, so that they can also be laid as a map."""

MORE_TOKENS = 256
"""For blocks that need more: some merge eight rows and columns of their map for the keys."""

MOST_TOKENS = 4096
"""A weight with more rows than this holds no positions (a vocabulary)."""


def arguments_for(block: nn.Module, network: nn.Module) -> Iterator[tuple[Any, ...]]:
    """Random tokens that a block may take, the likeliest first, each with what else it must be given.

    Args:
        block: The block.
        network: The network that it is in; the shapes of its positions tell how many tokens there may be.
    """
    required = _num_required_others(block)
    for tokens in _tokens_for(block, network):
        for others in _others_for(tokens, required):
            yield (tokens, *others)


def _num_required_others(block: nn.Module) -> int:
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [one for one in inspect.signature(block.forward).parameters.values() if one.kind in positional]
    return sum(one.default is inspect.Parameter.empty for one in parameters[1:])


def _others_for(tokens: Tensor, required: int) -> Iterator[tuple[Any, ...]]:
    """Nothing in their place (None), something like the tokens, or the rows and columns of the tokens' map."""
    yield (None,) * required
    if required:
        yield tuple(tokens.clone() for _ in range(required))
    side = isqrt(tokens.shape[1])
    if tokens.ndim == 3 and side > 1 and side % 2 == 0 and side**2 == tokens.shape[1]:
        # Not as many rows as columns: where a block returns them, it shows which is which.
        rows_and_columns = (side // 2, 2 * side)
        if required == 2:
            yield rows_and_columns
        elif required == 1:
            yield (rows_and_columns,)


def _tokens_for(block: nn.Module, network: nn.Module) -> Iterator[Tensor]:
    like = next((weight for weight in block.parameters() if weight.is_floating_point()), torch.empty(0))
    generator = torch.Generator().manual_seed(0)
    for width in _widths(block):
        counts = [FEW_TOKENS, *_token_counts(block, network, width), MORE_TOKENS]
        side = isqrt(FEW_TOKENS)
        sequences = [(1, count, width) for count in dict.fromkeys(counts)]
        maps = [(1, side, side, width), (1, width, side, side), (1, width, side, side, side)]
        for shape in (*sequences, *maps):
            yield torch.randn(shape, generator=generator).to(like.device, like.dtype)


def _widths(block: nn.Module) -> list[int]:
    """How many channels tokens may have: what its layers take in, in their order."""
    words = ("normalized_shape", "embed_dim", "in_features", "num_features", "in_channels")
    found: dict[int, None] = {}
    for part in block.modules():
        for word in words:
            value = getattr(part, word, None)
            value = value[-1] if isinstance(value, tuple) and value else value
            if isinstance(value, int) and value > 0:
                found[value] = None
        found |= {len(weight): None for weight in part.parameters(recurse=False) if weight.ndim == 1}
    return list(found)


def _token_counts(block: nn.Module, network: nn.Module, width: int) -> list[int]:
    """As many tokens as there are learned positions, or relative positions, for blocks that take just so many."""
    positions = [one for one in _stored(network) if one.ndim in (2, 3) and one.shape[-1] == width]
    absolute = [one.shape[-2] for one in positions if one.ndim == 2 or len(one) == 1]
    relative = [one.shape[-1] for one in _stored(block) if one.ndim in (2, 3) and one.shape[-1] == one.shape[-2]]
    # An index of relative positions has an entry for each pair of tokens, and may be stored flat.
    pairs = [one.numel() for one in block.buffers() if not one.is_floating_point() and one.numel() > 1]
    flat = [isqrt(number) for number in pairs if isqrt(number) ** 2 == number]
    return [count for count in (*absolute, *relative, *flat) if count <= MOST_TOKENS]


def _stored(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]
