"""Which modules of a model are its pieces: the largest that stay on one grid or step to the next."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

Grid = tuple[int, int]


@dataclass
class Watch:
    """The modules that are running, outermost first, and what is told when one has run."""

    leave: Callable[[nn.Module, Any, Any], None]
    """Called with a module, what it was given and its result; with `pieces`, only for these."""
    pieces: set[nn.Module] | None = None
    stack: list[nn.Module] = field(default_factory=list)

    @property
    def inside_piece(self) -> bool:
        """Whether a piece is running."""
        return self.pieces is not None and any(module in self.pieces for module in self.stack)


@contextmanager
def watching(model: nn.Module, watch: Watch) -> Iterator[None]:
    """Keep `watch` informed while the model runs inside the `with`; no trace is left."""

    def enter(module: nn.Module, *_: Any) -> None:
        watch.stack.append(module)

    def leave(module: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
        watch.stack.pop()
        if watch.pieces is None or (module in watch.pieces and not watch.inside_piece):
            watch.leave(module, (args, kwargs), result)

    with ExitStack() as stack:
        for module in model.modules():
            stack.callback(module.register_forward_pre_hook(enter).remove)
            stack.callback(module.register_forward_hook(leave, with_kwargs=True).remove)
        yield


@dataclass
class _Seen:
    """What one module took, gave and had inside, over all its calls."""

    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    grids: set[Grid | None] = field(default_factory=set)
    concatenates: bool = False

    @property
    def on_tokens(self) -> bool:
        """Whether tokens (batch, tokens, channels) go in and come out."""
        return all(tensor.ndim == 3 for tensor in (*self.inputs, *self.outputs))

    @property
    def is_one_step(self) -> bool:
        """Whether one tensor goes in and one comes out, and no third grid lies between."""
        if len(self.inputs) != 1 or len(self.outputs) != 1:
            return False
        return self.on_tokens or self.grids <= {_grid(self.inputs[0]), _grid(self.outputs[0])}

    @property
    def is_one_stage(self) -> bool:
        """Whether one tensor goes in and one comes out on the same grid or on the next coarser one."""
        if len(self.inputs) != 1 or len(self.outputs) != 1:
            return False
        before, after = _grid(self.inputs[0]), _grid(self.outputs[0])
        return self.on_tokens or (before is not None and after is not None and before[0] <= 2 * after[0])


def find_pieces(model: nn.Module, image: Tensor) -> set[nn.Module]:
    """Run the model once and choose, from the outside in, the modules that are looked at as a whole.

    A module is opened if several tensors go in or out, if a grid inside is neither that of what goes in nor of what
    comes out, or if it concatenates itself. In a trunk, whose layers have habits of their own, stages stay whole.
    """
    seen: defaultdict[nn.Module, _Seen] = defaultdict(_Seen)
    watch = Watch(lambda module, given, result: _note(seen, watch.stack, module, given, result))
    with watching(model, watch), _SeeConcatenations(watch, seen):
        model(image)
    trunk = getattr(model, "trunk", None)
    in_trunk = set(trunk.modules()) if isinstance(trunk, nn.Module) else set()
    return set(_choose(model, seen, in_trunk))


def _choose(module: nn.Module, seen: dict[nn.Module, "_Seen"], in_trunk: set[nn.Module]) -> Iterator[nn.Module]:
    for child in module.children():
        is_whole = _is_stage if child in in_trunk else _is_whole
        if not list(child.children()) or (child in seen and is_whole(child, seen[child])):
            yield child
        else:
            yield from _choose(child, seen, in_trunk)


def _is_stage(_module: nn.Module, seen: _Seen) -> bool:
    return seen.is_one_stage


def _is_whole(module: nn.Module, seen: _Seen) -> bool:
    if hasattr(module, "blocks"):
        return False
    if isinstance(module, nn.Sequential) and seen.on_tokens:
        return False  # a row of transformer blocks, each of which is a piece
    return seen.is_one_step and not seen.concatenates


def _note(
    seen: defaultdict[nn.Module, _Seen], stack: list[nn.Module], module: nn.Module, given: Any, result: Any
) -> None:
    own = seen[module]
    own.inputs, own.outputs = (_distinct_tensors(values) for values in (given, result))
    for outer in (module, *stack):
        seen[outer].grids |= {_grid(tensor) for tensor in own.outputs if tensor.ndim == 4}


class _SeeConcatenations(TorchFunctionMode):
    """Notes which module's own forward pass concatenates."""

    def __init__(self, watch: Watch, seen: defaultdict[nn.Module, _Seen]) -> None:
        super().__init__()
        self._watch, self._seen = watch, seen

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if function in (torch.cat, torch.concat) and self._watch.stack:
            self._seen[self._watch.stack[-1]].concatenates = True
        return function(*args, **(kwargs or {}))


def grid_of(tensor: Tensor) -> Grid:
    """Rows and columns of a feature map (batch, channels, rows, columns); a few networks put the channels last.

    Images are square here, and so are the grids: two equal sides beside a different one tell which the channels are.
    """
    _, first, second, third = tensor.shape
    return (first, second) if first == second != third else (second, third)


def _grid(tensor: Tensor) -> Grid | None:
    return grid_of(tensor) if tensor.ndim == 4 else None


def _distinct_tensors(values: Any) -> list[Tensor]:
    return list({id(value): value for value in tree_leaves(values) if isinstance(value, Tensor)}.values())
