"""Stages of other people's networks that compute what nobody reads, left out."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

Run = Callable[[], Sequence[Tensor]]
"""Runs a network; gives what is read of it."""


class Unread(nn.Module):
    """Stands where a module was whose results reach nothing that is read: it gives back what comes in first."""

    def forward(self, first: object, *_: object, **__: object) -> object:
        """Nothing is computed."""
        return first


def leave_out_unread(network: nn.Module, run: Run) -> Sequence[Tensor]:
    """Replace every module by `Unread` that has no part in what `run` returns; what it returns stays the same.

    A module has no part in it where gradients reach none of its parameters. One that the network cannot do without,
    such as a branch whose shape another takes, is left.

    Args:
        network: In eval mode.
        run: Runs the network on the same images each time.

    Returns:
        What `run` returned before.
    """
    with torch.enable_grad():
        before = run()
    # The last one first: what comes after a module may not run on what is then handed on in its place.
    for name, module in reversed(list(_outermost(network, _parameters_behind(before)))):
        network.set_submodule(name, Unread())
        if not _gives(run, before):
            network.set_submodule(name, module)
    return before


def _parameters_behind(tensors: Sequence[Tensor]) -> set[int]:
    """The ids of the parameters that gradients of these tensors reach."""
    waiting = [tensor.grad_fn for tensor in tensors]
    seen, found = set(), set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        found.add(id(getattr(node, "variable", None)))
        waiting.extend(before for before, _ in node.next_functions)
    return found


def _outermost(module: nn.Module, read: set[int], prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """The largest modules that have parameters and none of them among those that are read."""
    for name, child in module.named_children():
        parameters = list(child.parameters())
        if any(id(parameter) in read for parameter in parameters):
            yield from _outermost(child, read, f"{prefix}{name}.")
        elif parameters:
            yield f"{prefix}{name}", child


@torch.no_grad()
def _gives(run: Run, expected: Sequence[Tensor]) -> bool:
    try:
        found = run()
    except Exception:  # whatever a network of anyone's raises when a part of it is gone
        return False
    return len(found) == len(expected) and all(map(_same, found, expected))


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and (one.is_meta or torch.equal(one, other))
