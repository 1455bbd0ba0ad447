"""A network followed from outside while it runs: which module began when, and which of them attended."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from trimformer.attention.fused import Heads, heads_of, is_softmax_of_scores, see_functions
from trimformer.records.errors import UserError

Shape = tuple[int, ...]
Kind = Literal["module", "attention", "softmax"]


@dataclass(frozen=True)
class Event:
    """One thing that happened in a forward pass."""

    kind: Kind
    """A module began, torch's fused attention ran, or the network took a softmax of scores by itself."""
    stack: tuple[str, ...]
    """The names of the modules that were running, outermost first."""
    module: nn.Module
    """The innermost of them."""
    shapes: tuple[Shape, ...] = ()
    """Of a module, its first tensor; of an attention, queries (batch, heads, queries, depth), and values alike."""


@contextmanager
def follow(model: nn.Module, tell: Callable[[Event, Heads | None], None], ended: Callable[[], None]) -> Iterator[None]:
    """Tell all that happens in the model, and each time that it has come to its end; no trace is left afterwards.

    Raises:
        UserError: A part of the model is no Python that could be followed.
    """
    follower = _Follower(tell, ended)
    with ExitStack() as hooks:
        for name, module in model.named_modules():
            if isinstance(module, torch.jit.ScriptModule):
                raise UserError(
                    "A network whose attention is seen runs as Python",
                    f"a scripted module, {name or 'the whole'}",
                    "Give the network as it was before torch.jit.",
                )
            hooks.callback(module.register_forward_pre_hook(follower.entering(name), with_kwargs=True).remove)
            hooks.callback(module.register_forward_hook(follower.leaving, always_call=True).remove)
        hooks.enter_context(see_functions(follower.see))
        yield


class _Follower:
    """Keeps the stack of running modules, and hands on what happens inside them."""

    def __init__(self, tell: Callable[[Event, Heads | None], None], ended: Callable[[], None]) -> None:
        self._tell, self._ended = tell, ended
        self._running: list[tuple[str, nn.Module]] = []

    def entering(self, name: str) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], None]:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            self._running.append((name, module))
            tensor = first_tensor(args, kwargs)
            self._tell(self._event("module", () if tensor is None else (tuple(tensor.shape),)), None)

        return hook

    def leaving(self, _module: nn.Module, _inputs: object, output: object) -> None:
        self._running.pop()
        if not self._running and output is not None:  # None: an exception ended it
            self._ended()

    def see(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not self._running:
            return
        if heads := heads_of(function, args, kwargs):
            self._tell(self._event("attention", (tuple(heads.query.shape), tuple(heads.value.shape))), heads)
        elif is_softmax_of_scores(function, args, kwargs):
            self._tell(self._event("softmax"), None)

    def _event(self, kind: Kind, shapes: tuple[Shape, ...] = ()) -> Event:
        return Event(kind, tuple(name for name, _ in self._running), self._running[-1][1], shapes)


def first_tensor(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor | None:
    """The first tensor that a module was called with."""
    return next((value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor)), None)
