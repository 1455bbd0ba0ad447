"""The sequence of blocks in a network, read from what happened in a forward pass; or why there is none."""

from collections import Counter
from collections.abc import Sequence

from torch import nn

from trimformer.attention.calls.follow import Event
from trimformer.models.cutting import RemovedBlock
from trimformer.records.errors import UserError
from trimformer.records.words import some_of

ITSELF = "the network itself"


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
            "Give the part of the network that is such a sequence; stages and cross-attention can be recorded "
            "(record_attention), not measured yet.",
        )
    equal = [names for names in fitting if _members_are_equal(model, str(names[0]), events)]
    return [str(name) for name in (equal or fitting)[0]]


def nothing_recorded(model: nn.Module, events: Sequence[Event]) -> UserError:
    """The error of a network in which no attention could be seen."""
    if softmaxes := list(dict.fromkeys(_named(event) for event in events if event.kind == "softmax")):
        return UserError(
            "Attention that a network writes out is a softmax over keys, and a matrix product or einsum with values",
            f"a softmax that no such product follows, in {some_of(softmaxes)}",
            "Write the sum over keys as maps @ values, or call F.scaled_dot_product_attention; to record it as it is, "
            "give record_attention an AttentionAdapter.",
        )
    return UserError(
        "A model whose attention is recorded has transformer blocks",
        f"no attention run in {type(getattr(model, 'network', model)).__name__}",
        "Give a model with at least one block; inside record_attention, call it in the same thread. Attention in a "
        "kernel of its own, an exported program or a softmax by hand needs an AttentionAdapter.",
    )


def _named(event: Event) -> str:
    return event.stack[-1] or ITSELF


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
                "Attention in windows or to reduced keys can be recorded (record_attention), not measured yet.",
            )
    return shapes[0][0]


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
    takes_tokens = len(shapes) == 1 and len(shapes[0]) == 3
    members = model.get_submodule(_parent(name)).children()
    return takes_tokens and len({type(member) for member in members if not isinstance(member, RemovedBlock)}) == 1


def _why_not(members: Sequence[Sequence[str | None]], stacks: Sequence[tuple[str, ...]]) -> str:
    for names in members:
        name, count = Counter(names).most_common(1)[0]
        if None not in names and count > 1 and len(set(names)) > 1:
            return f"{count} attentions in {name}"
    if members and None not in members[-1]:
        return f"{len(stacks)} attentions in {members[-1][0]}"
    return f"attention in {some_of([stack[-1] or ITSELF for stack in stacks])}"
