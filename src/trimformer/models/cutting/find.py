"""The blocks of any network, found in its structure, without running it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import nn

from trimformer.models.cutting.adapter import BlockAdapter
from trimformer.models.cutting.alike import Kind, kind_of, num_parameters
from trimformer.records.errors import UserError

CONTAINERS = (nn.ModuleList, nn.Sequential, nn.ModuleDict)


@dataclass(frozen=True)
class Candidate:
    """Members of one container that are of one class and attend."""

    container: str
    names: tuple[str, ...]
    kinds: tuple[Kind, ...]

    @property
    def is_alike(self) -> bool:
        """Whether all have the same parameters."""
        return len(set(self.kinds)) == 1

    @property
    def title(self) -> str:
        """For messages: where, how many, of which class."""
        of_which_class = self.kinds[0].block_class.__name__
        return f"{self.container or 'the network itself'} ({len(self.names)} of {of_which_class})"


def find_blocks(network: nn.Module, adapter: BlockAdapter | None = None) -> tuple[str, ...]:
    """The paths of a network's blocks in their order; removed ones count.

    Blocks are the members of one `nn.ModuleList`, `nn.Sequential` or `nn.ModuleDict` that are of the same class, with
    parameters of the same names and shapes, and attention inside.

    Args:
        network: Any network.
        adapter: Where they are; None: what the network's own `block_adapter` says, if it has one.

    Raises:
        UserError: There is no such sequence, or there are several and no adapter tells which.
    """
    adapter = adapter or own_adapter(network)
    told = None if adapter is None else adapter.blocks
    if told is None:
        return _only(network, _without_nesting(network, _candidates(network))).names
    if isinstance(told, str):
        return _members(network, told)
    return _paths_of(network, list(told(network)))


def own_adapter(network: nn.Module) -> BlockAdapter | None:
    """The adapter that a network has as its attribute `block_adapter`."""
    told = getattr(network, "block_adapter", None)
    return told if isinstance(told, BlockAdapter) else None


def _candidates(network: nn.Module) -> list[Candidate]:
    seen: set[int] = set()
    found: list[Candidate] = []
    for path, container in [("", network), *all_paths(network)]:
        if isinstance(container, CONTAINERS) and id(container) not in seen:
            seen.add(id(container))
            found += _of_one_class(path, container)
    return found


def _of_one_class(path: str, container: nn.Module) -> list[Candidate]:
    """The members of a container that attend, by their class; one alone is a sequence only without other members."""
    kinds = {_path(path, key): kind_of(member) for key, member in children(container)}
    classes = dict.fromkeys(kind.block_class for kind in kinds.values() if kind.attends)
    groups = [{name: kind for name, kind in kinds.items() if kind.block_class is one} for one in classes]
    fitting = [group for group in groups if len(group) > 1 or len(kinds) == 1]
    return [Candidate(path, tuple(group), tuple(group.values())) for group in fitting]


def _without_nesting(network: nn.Module, candidates: list[Candidate]) -> list[Candidate]:
    """Of a sequence inside the member of another, the one that is the blocks.

    A stage or wrapper holds hardly more than its blocks; a block holds more than the list of its heads, such as norms.
    """
    dropped: set[Candidate] = set()
    for outer in candidates:
        for inner in candidates:
            around = next((name for name in outer.names if f"{inner.container}.".startswith(f"{name}.")), None)
            if around is not None:
                are_heads = outer.kinds[0].normalises and not inner.kinds[0].normalises
                weights = sum(kind.num_parameters for kind in inner.kinds)
                share = weights / max(num_parameters(network.get_submodule(around)), 1)
                dropped.add(inner if are_heads or share < 0.5 else outer)
    return [one for one in candidates if one not in dropped]


def _only(network: nn.Module, candidates: list[Candidate]) -> Candidate:
    """The one sequence that can be meant.

    Raises:
        UserError: There is none, or there are several, or its members differ.
    """
    fitting = [one for one in candidates if len(one.names) > 1] or candidates
    rule = "Blocks to keep are members of one ModuleList or Sequential, alike, with attention inside"
    kind = type(network).__name__
    if not fitting:
        raise UserError(
            rule,
            f"none in {kind}",
            "A network without such blocks cannot be cut; say where they are by adapter=BlockAdapter(blocks=lambda "
            "network: [network.first, network.second]).",
        )
    named = f'adapter=BlockAdapter("{fitting[0].container}")'
    if len(fitting) > 1:
        raise UserError(
            rule,
            f"{len(fitting)} such sequences in {kind}: {', '.join(one.title for one in fitting)}",
            f"Say which by {named}, or list blocks of several by BlockAdapter(blocks=a function from the network).",
        )
    if not fitting[0].is_alike:
        raise UserError(
            rule,
            f"{fitting[0].title}, whose parameters differ from one to the next",
            f"If each can go without the others, say so by {named}; a block that holds what others use must be kept.",
        )
    return fitting[0]


def _members(network: nn.Module, path: str) -> tuple[str, ...]:
    try:
        container = network.get_submodule(path)
    except AttributeError:
        containers = [name for name, module in all_paths(network) if isinstance(module, CONTAINERS)]
        known = f"It has {', '.join(containers[:8])}." if containers else "Give a function from network to blocks."
        raise UserError(f"BlockAdapter(blocks={path!r}) names a part of the network", "no such part", known) from None
    named = [(key, kind_of(member)) for key, member in children(container)]
    # Blocks of other sizes count as well: the user has said so.
    names = tuple(_path(path, key) for key, kind in named if kind.parameters)
    if not names:
        raise UserError(
            f"BlockAdapter(blocks={path!r}) names a sequence of blocks",
            f"a {type(container).__name__} without members that have parameters",
            "Name the ModuleList or Sequential that holds the blocks.",
        )
    return names


def _paths_of(network: nn.Module, blocks: Sequence[nn.Module]) -> tuple[str, ...]:
    """Where the modules are; one that runs several times has a place for each time."""
    paths: dict[int, list[str]] = {}
    for path, module in all_paths(network):
        paths.setdefault(id(module), []).append(path)
    strangers = [type(block).__name__ for block in blocks if id(block) not in paths]
    if strangers or not blocks:
        raise UserError(
            "The function of a BlockAdapter gives modules of the network that it is told",
            f"a {strangers[0]} that is none of them" if strangers else "no module",
            "Look the blocks up in its argument.",
        )
    return tuple(_next_path(paths[id(block)]) for block in blocks)


def _next_path(paths: list[str]) -> str:
    return paths.pop(0) if len(paths) > 1 else paths[0]


def all_paths(network: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Every module below a network by every path that leads to it, also where it has several."""
    for key, child in children(network):
        path = _path(prefix, key)
        yield path, child
        yield from all_paths(child, path)


def children(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """The members of a module, with those that are there twice."""
    members: dict[str, nn.Module | None] = vars(module)["_modules"]
    return [(key, member) for key, member in members.items() if member is not None]


def _path(prefix: str, key: str) -> str:
    return f"{prefix}.{key}" if prefix else key
