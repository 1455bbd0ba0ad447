"""A network followed from outside while it runs: which module began when, and which of them attended."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from trimformer.attention.calls.fused import Heads, see_functions
from trimformer.attention.calls.head_axis import HeadAxis
from trimformer.attention.calls.positions import PositionTracer
from trimformer.attention.calls.product_places import Coordinates
from trimformer.attention.calls.traced import UNTRACED, Traced, trace
from trimformer.attention.calls.written import AttentionReader
from trimformer.records.errors import UserError

Shape = tuple[int, ...]
Kind = Literal["module", "attention", "softmax"]


@dataclass(frozen=True)
class Event:
    """One thing that happened in a forward pass."""

    kind: Kind
    """A module began, attention ran, or the network took a softmax that may become one."""
    stack: tuple[str, ...]
    """The names of the modules that were running, outermost first."""
    module: nn.Module
    """The innermost of them."""
    shapes: tuple[Shape, ...] = ()
    """Of a module, its first tensor; of an attention, queries (batch, heads, queries, depth), and values alike."""
    ends: tuple[Coordinates, Coordinates] | None = None
    """Of an attention, the coordinates of its queries and of its keys, where a tracer knows them."""
    head_axis: HeadAxis | None = None
    """Of an attention whose heads a tracer found elsewhere than right in front of the tokens."""
    of_product: bool = False
    """Of a softmax, whether it is of a matrix product, as of Q K^T."""


@contextmanager
def follow(
    model: nn.Module,
    tell: Callable[[Event, Heads | None], None],
    ended: Callable[[], None],
    tracer: PositionTracer | None = None,
) -> Iterator[None]:
    """Tell all that happens in the model, and each time that it has come to its end; no trace is left afterwards.

    What other threads run meanwhile is not told, nor what autograd runs again.

    Args:
        model: Any network.
        tell: Is told each event, of an attention with its heads.
        ended: Is called when the outermost module has returned.
        tracer: Follows where on the image tokens lie.

    Raises:
        UserError: A part of the model is no Python that could be followed.
    """
    follower = _Follower(tell, ended, tracer)
    with ExitStack() as hooks:
        for name, module in model.named_modules():
            if isinstance(module, torch.jit.ScriptModule):
                raise UserError(
                    "A network whose attention is seen runs as Python",
                    f"a scripted module, {name or 'the whole'}",
                    "Give the network as it was before torch.jit.",
                )
            hooks.callback(module.register_forward_pre_hook(partial(follower.entering, name), with_kwargs=True).remove)
            hooks.callback(module.register_forward_hook(follower.leaving, always_call=True).remove)
        hooks.enter_context(see_functions(follower.see, follower.saw))
        yield


class _Follower:
    """Keeps the stack of running modules, and hands on what happens inside them."""

    def __init__(
        self, tell: Callable[[Event, Heads | None], None], ended: Callable[[], None], tracer: PositionTracer | None
    ) -> None:
        self._tell, self._ended, self._tracer = tell, ended, tracer
        self._running: list[tuple[str, nn.Module]] = []
        self._reader = AttentionReader()
        self._is_ours = in_this_pass()

    def entering(self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not self._is_ours():
            return
        tensor = first_tensor(args, kwargs)
        if self._tracer and not self._running and tensor is not None:
            self._tracer.begin(tensor)
        self._running.append((name, module))
        self._tell(self._event("module", () if tensor is None else (tuple(tensor.shape),)), None)

    def leaving(self, _module: nn.Module, _inputs: object, output: object) -> None:
        if not self._is_ours():
            return
        self._running.pop()
        if not self._running and output is not None:  # None: an exception ended it
            self._ended()

    def see(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._running and (heads := self._reader.heads(function, args, kwargs)):
            tracer, product = self._tracer, self._reader.product
            traced = trace(tracer, product, function, args, kwargs) if tracer else UNTRACED
            heads = heads if traced.head_axis is None else traced.head_axis.of(heads)
            shapes = (tuple(heads.query.shape), tuple(heads.value.shape))
            self._tell(self._event("attention", shapes, traced), heads)

    def saw(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        if not self._running:
            return
        if self._tracer:
            self._tracer.ran(function, args, kwargs, result)
        if of := self._reader.ran(function, args, kwargs, result):
            self._tell(replace(self._event("softmax"), of_product=of == "product"), None)

    def _event(self, kind: Kind, shapes: tuple[Shape, ...] = (), traced: Traced = UNTRACED) -> Event:
        return Event(kind, tuple(name for name, _ in self._running), self._running[-1][1], shapes, *traced)


def in_this_pass() -> Callable[[], bool]:
    """Whether the caller runs in the thread that is here now, and not in a backward pass that runs blocks again."""
    here = threading.get_ident()
    return lambda: threading.get_ident() == here and torch._C._current_graph_task_id() == -1


def first_tensor(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor | None:
    """The first tensor that a module was called with."""
    return next((value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor)), None)
