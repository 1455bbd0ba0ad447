"""A name for every attention of a network whose blocks are no plain sequence: stages, windows, decoders."""

from collections import Counter
from collections.abc import Sequence

from torch import nn

from trimformer.attention.calls.follow import Event
from trimformer.attention.transformer.naming import name_blocks
from trimformer.records.errors import UserError


def name_attentions(model: nn.Module, events: Sequence[Event]) -> list[str]:
    """For every attention of a forward pass, the full path of the block that it runs in.

    A plain sequence is named as `name_blocks` does. Else a block is a module with one attention inside: the member of
    a list whose class is most common, so that a stage with a single block is not taken for one; else the outermost
    such module, as the `self_attn` of a decoder layer that has a second attention. A network that is an attention
    itself has the name of its class.

    Raises:
        UserError: No attention ran, or one module attends several times.
    """
    try:
        return name_blocks(model, events)
    except UserError:
        stacks = [event.stack for event in events if event.kind == "attention"]
        if not stacks:
            raise
    inside = Counter(name for stack in stacks for name in set(stack))
    alone = [[name for name in stack if name and inside[name] == 1] for stack in stacks]
    if stacks == [("",)]:
        return [type(model).__name__]
    for stack, names in zip(stacks, alone, strict=True):
        if not names:
            raise UserError(
                "A module attends once in a forward pass",
                f"{inside[stack[-1]]} attentions in {stack[-1] or 'the network itself'}",
                "Call separate modules, or record one pass through the shared module at a time.",
            )
    return _most_alike(model, alone)


def _most_alike(model: nn.Module, alone: Sequence[Sequence[str]]) -> list[str]:
    members = [[name for name in names if _in_list(model, name)] for names in alone]
    classes = Counter(type(model.get_submodule(name)) for names in members for name in names)
    return [
        max(listed, key=lambda name: classes[type(model.get_submodule(name))]) if listed else names[0]
        for listed, names in zip(members, alone, strict=True)
    ]


def _in_list(model: nn.Module, name: str) -> bool:
    return isinstance(model.get_submodule(name.rpartition(".")[0]), nn.ModuleList | nn.Sequential)
