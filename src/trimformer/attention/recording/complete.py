"""Whether all blocks of a network were seen to attend, and not only some of them."""

from collections.abc import Sequence

from torch import nn

from trimformer.attention.calls.follow import Event
from trimformer.records.errors import UserError


def check_complete(model: nn.Module, events: Sequence[Event], names: Sequence[str]) -> None:
    """Refuse a pass in which a block attended, and one beside it that is made alike, or a softmax of Q K^T, did not.

    Args:
        model: The network.
        events: Of one forward pass.
        names: The blocks that attended.

    Raises:
        UserError: A block is missing.
    """
    ran = {event.stack[-1] for event in events if event.kind == "module"}
    attended = {name for event in events if event.kind == "attention" for name in event.stack}
    softmaxes = [_around_softmax(event) for event in events if event.kind == "softmax" and event.of_product]
    alike = [
        sibling
        for name in dict.fromkeys(names)
        for sibling in _of_the_same_class(model, name)
        if sibling in ran and _parts(model, sibling) == _parts(model, name)
    ]
    if missing := [name for name in dict.fromkeys([*softmaxes, *alike]) if name not in attended]:
        raise UserError(
            "Every block of a sequence attends where it can be seen",
            f"{len(set(names))} blocks that do, and nothing from {', '.join(missing)}",
            "Their attention runs in another kernel, or changes its maps after the softmax: switch that off, or give "
            "record_attention an AttentionAdapter.",
        )


def _around_softmax(event: Event) -> str:
    """The module that takes a softmax; where that is a module of its own, the one around it."""
    is_module = isinstance(event.module, nn.Softmax) and len(event.stack) > 1
    return event.stack[-2 if is_module else -1]


def _of_the_same_class(model: nn.Module, name: str) -> list[str]:
    parent = name.rpartition(".")[0]
    inside = model.get_submodule(parent) if name else None
    if not isinstance(inside, nn.ModuleList | nn.Sequential):
        return []
    kind = type(model.get_submodule(name))
    members = ((f"{parent}.{key}" if parent else key, member) for key, member in inside.named_children())
    return [path for path, member in members if type(member) is kind]


def _parts(model: nn.Module, name: str) -> list[str]:
    return sorted(type(module).__name__ for module in model.get_submodule(name).modules())
