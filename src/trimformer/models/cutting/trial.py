"""What a block returns, found by giving it a few random tokens."""

import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import isqrt
from typing import Any

import torch
from torch import Tensor, nn

from trimformer.models.cutting.adapter import BlockAdapter
from trimformer.models.cutting.alike import num_parameters
from trimformer.models.cutting.find import children
from trimformer.models.cutting.removed import RemovedBlock, removed_block, removed_list
from trimformer.records.errors import UserError

HandsOn = Callable[..., Any]

FEW_TOKENS = 16
"""A square, so that they can also be laid as a map."""

MOST_TOKENS = 4096
"""A weight with more rows than this holds no positions (a vocabulary)."""


@dataclass(frozen=True)
class Seen:
    """A block as it was tried: what went in, and what came out."""

    given: tuple[Any, ...]
    returned: Any


def stand_in(block: nn.Module, name: str, network: nn.Module, adapter: BlockAdapter | None) -> RemovedBlock:
    """What takes the place of a block that is removed.

    A block that is a mere list of branches (attention, MLP), which its network calls one by one, becomes a list of
    branches that change nothing: one with its residual connection inside hands on the tokens, one that is added to them
    hands on zeros. Which it is shows when all its weights are zero.

    Args:
        block: The block.
        name: Its path, for messages.
        network: The network that it is in; the shapes of its positions tell how many tokens there may be.
        adapter: What the user says of removed blocks.

    Raises:
        UserError: The block takes no tokens on which it could be tried, or does not return them in their shape.
    """
    if adapter is not None and adapter.returns is not None:
        return removed_block(block, adapter.returns)
    if not _is_a_list(block):
        return removed_block(block, _hands_on(_tried(block, name, network), name, zeros=False))
    branches = {key: _removed_branch(part, f"{name}.{key}", network) for key, part in children(block)}
    return removed_list(block, branches)


def _is_a_list(block: nn.Module) -> bool:
    return type(block).forward is nn.Module.forward


def _removed_branch(branch: nn.Module, name: str, network: nn.Module) -> nn.Module:
    if _is_a_list(branch):
        return removed_list(branch, {key: _removed_branch(part, key, network) for key, part in children(branch)})
    if num_parameters(branch) == 0:
        return branch  # an activation or dropout; of zeros it makes zeros
    without_weights = copy.deepcopy(branch)
    with torch.no_grad():
        for weight in without_weights.parameters():
            weight.zero_()
    seen = _tried(without_weights, name, network)
    tokens, returned = seen.given[0], _first(seen.returned)
    if not (torch.equal(returned, tokens) or not returned.any()):
        raise _needs_adapter(name, "neither hands on nor adds nothing when its weights are zero")
    return removed_block(branch, _hands_on(seen, name, zeros=not returned.any()))


def _hands_on(seen: Seen, name: str, zeros: bool) -> HandsOn:
    """What a block is to return that changes nothing, in the form in which it returned something."""
    if isinstance(seen.returned, Tensor):
        return partial(_the_tokens, zeros=zeros)
    if type(seen.returned) in (tuple, list):
        # The tokens come first; what else was given comes back as it is (positions that blocks pass on), all else
        # (maps, caches) is not there.
        others = tuple(_which_argument(element, seen.given) for element in seen.returned[1:])
        return partial(_the_tokens_in_a_sequence, kind=type(seen.returned), others=others, zeros=zeros)
    raise _needs_adapter(name, f"returns a {type(seen.returned).__name__}")


def _which_argument(element: Any, given: Sequence[Any]) -> int | None:
    return next((place for place, argument in enumerate(given) if place > 0 and argument is element), None)


def _the_tokens(*args: Any, zeros: bool, **kwargs: Any) -> Any:
    tokens = args[0] if args else next(iter(kwargs.values()))
    return torch.zeros_like(tokens) if zeros else tokens


def _the_tokens_in_a_sequence(
    *args: Any, kind: type, others: tuple[int | None, ...], zeros: bool, **kwargs: Any
) -> Any:
    given = (*args, *kwargs.values())
    behind = (given[place] if place is not None and place < len(given) else None for place in others)
    return kind((_the_tokens(*args, zeros=zeros, **kwargs), *behind))


@torch.no_grad()
def _tried(block: nn.Module, name: str, network: nn.Module) -> Seen:
    """A run of a copy of the block, without hooks and in evaluation mode."""
    tried = copy.deepcopy(block).eval()
    for part in tried.modules():
        for hooks in ("_forward_hooks", "_forward_pre_hooks"):
            vars(part)[hooks].clear()
    problems: list[str] = []
    for tokens, others in product(_tokens_for(tried, network), _required_others(tried)):
        given = (tokens, *(tokens.clone() if other else None for other in others))
        try:
            returned = tried(*given)
        except Exception as error:
            problems.append(f"raises {type(error).__name__}: {' '.join(str(error).split())[:160]}")
            continue
        first = _first(returned)
        if isinstance(first, Tensor) and first.shape == tokens.shape:
            return Seen(given, returned)
        problems.append(f"returns {_told(returned)} for {tuple(tokens.shape)}")
    raise _needs_adapter(name, problems[0] if problems else "has no layer that tells how many channels they have")


def _required_others(block: nn.Module) -> Iterator[tuple[bool, ...]]:
    """What a block must be given beside its tokens: nothing in its place (None), or something like the tokens."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [one for one in inspect.signature(block.forward).parameters.values() if one.kind in positional]
    required = sum(one.default is inspect.Parameter.empty for one in parameters[1:])
    yield (False,) * required
    if required:
        yield (True,) * required


def _tokens_for(block: nn.Module, network: nn.Module) -> Iterator[Tensor]:
    """Random tokens that the block may take, the likeliest first."""
    like = next((weight for weight in block.parameters() if weight.is_floating_point()), torch.empty(0))
    generator = torch.Generator().manual_seed(0)
    for width in _widths(block):
        counts = [FEW_TOKENS, *_token_counts(block, network, width)]
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
    return [*(count for count in absolute if count <= MOST_TOKENS), *relative]


def _stored(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]


def _first(returned: Any) -> Any:
    return returned[0] if type(returned) in (tuple, list) and returned else returned


def _told(returned: Any) -> str:
    first = _first(returned)
    return str(tuple(first.shape)) if isinstance(first, Tensor) else f"a {type(first).__name__}"


def _needs_adapter(name: str, problem: str) -> UserError:
    return UserError(
        "A block that can be removed takes tokens and returns them in their shape, alone or first in a tuple",
        f"{name}, which, tried on a few random tokens, {problem}",
        "Say what a removed block returns: adapter=BlockAdapter(returns=lambda tokens, *others, **more: tokens).",
    )
