"""What a block returns, found by giving it a few random tokens."""

import copy
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from trimformer.models.cutting.adapter import BlockAdapter
from trimformer.models.cutting.alike import num_parameters
from trimformer.models.cutting.find import children
from trimformer.models.cutting.given import arguments_for
from trimformer.models.cutting.removed import RemovedBlock, removed_block, removed_list
from trimformer.records.errors import UserError

HandsOn = Callable[..., Any]


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
        seen = _tried(block, name, network, believed=_says_that_it_returns_a_tensor(block))
        return removed_block(block, _hands_on(seen, name, zeros=False))
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
def _tried(block: nn.Module, name: str, network: nn.Module, *, believed: bool = False) -> Seen:
    """A run of a copy of the block, without hooks and in evaluation mode.

    Args:
        block: The block.
        name: Its path, for messages.
        network: The network that it is in.
        believed: Whether to believe that it returns its tokens where it never ran: some want arguments, such as the
            rotation of each position, that nobody can guess.
    """
    tried = copy.deepcopy(block).eval()
    for part in tried.modules():
        for hooks in ("_forward_hooks", "_forward_pre_hooks"):
            vars(part)[hooks].clear()
    problems: list[str] = []
    tokens = torch.empty(0)
    for given in arguments_for(tried, network):
        tokens = given[0]
        try:
            returned = tried(*given)
        except Exception as error:
            problems.append(f"raises {type(error).__name__}: {' '.join(str(error).split())[:160]}")
            continue
        first = _first(returned)
        if isinstance(first, Tensor) and first.shape == tokens.shape:
            return Seen(given, returned)
        believed = False
        problems.append(f"returns {_told(returned)} for {tuple(tokens.shape)}")
    if believed:
        return Seen((tokens,), tokens)
    raise _needs_adapter(name, problems[0] if problems else "has no layer that tells how many channels they have")


def _says_that_it_returns_a_tensor(block: nn.Module) -> bool:
    """Whether that stands in its own type hints."""
    return inspect.signature(type(block).forward).return_annotation in (Tensor, "Tensor", "torch.Tensor")


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
