"""Seeing the attention of a model without changing it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from trimformer.records.errors import UserError


@dataclass(frozen=True)
class AttentionCall:
    """What one block gave to its attention: enough to compute maps, scores and the norms of what was mixed."""

    index: int
    """Which block, counted from 0."""
    query: Float[Tensor, "batch heads queries depth"]
    key: Float[Tensor, "batch heads keys depth"]
    value: Float[Tensor, "batch heads keys depth"]
    scale: float
    block_input: Float[Tensor, "batch tokens width"]
    """The residual stream as it entered the block."""
    projection: nn.Linear
    """W_O, which mixes the heads."""

    def scores(self) -> Float[Tensor, "batch heads queries keys"]:
        """Q K^T / sqrt(d_k), before the softmax, in float32 or wider."""
        return (_at_least_float32(self.query) * self.scale) @ _at_least_float32(self.key).transpose(-2, -1)

    def maps(self) -> Float[Tensor, "batch heads queries keys"]:
        """The attention after the softmax; rows sum to 1."""
        return self.scores().softmax(dim=-1)


@dataclass
class Recording:
    """The attention seen so far; each forward pass appends its images along the batch."""

    grid_size: tuple[int, int]
    """Rows and columns of tokens."""
    patch_size: int
    """Pixels along one side of a token."""
    maps: dict[str, Float[Tensor, "batch heads queries keys"]] = field(default_factory=dict)
    """After the softmax, by block name."""
    scores: dict[str, Float[Tensor, "batch heads queries keys"]] = field(default_factory=dict)
    """Before the softmax, by block name; empty unless asked for."""


@contextmanager
def record_attention(model: nn.Module, *, scores: bool = False) -> Iterator[Recording]:
    """Record the attention maps of every block while the model runs inside the `with`.

    The model is left as it was, exception or not, and its output is the same to 1e-5 with and without recording.

    Args:
        model: A network with `transformer.blocks`.
        scores: Keep the values before the softmax as well.

    Raises:
        UserError: The model has no block, or its blocks were not run inside the `with`.

    Example:
        >>> import torch, trimformer as tf
        >>> model = tf.create_model("unetr", num_classes=4, num_blocks=2, size="tiny", image_size=32, patch_size=8)
        >>> with tf.record_attention(model) as recording:
        ...     _ = model(torch.zeros(1, 1, 32, 32))
        >>> {name: tuple(maps.shape) for name, maps in recording.maps.items()}
        {'blocks.0': (1, 3, 16, 16), 'blocks.1': (1, 3, 16, 16)}
    """
    names = block_names(model)
    transformer: Any = model.transformer
    recording = Recording(transformer.grid_size, transformer.patch_size)

    def keep(call: AttentionCall) -> None:
        name = names[call.index]
        _append(recording.maps, name, call.maps())
        if scores:
            _append(recording.scores, name, call.scores())

    with observe_attention(model, keep):
        yield recording
    if missing := [name for name in names if name not in recording.maps]:
        raise UserError(
            "Every block must run its attention inside the recording",
            f"nothing from {', '.join(missing)}",
            "Call the model inside the `with`; a compiled model must be recorded before torch.compile.",
        )


def block_names(model: nn.Module) -> tuple[str, ...]:
    """The names of the model's blocks, in their order.

    Raises:
        UserError: The model shows no blocks, or has none.
    """
    blocks = getattr(getattr(model, "transformer", None), "blocks", None)
    if not isinstance(blocks, nn.ModuleList) or len(blocks) == 0:
        raise UserError(
            "A model whose attention is recorded has transformer blocks",
            f"none in {type(model).__name__}",
            "Give a hybrid with num_blocks >= 1.",
        )
    return tuple(f"blocks.{index}" for index in range(len(blocks)))


@contextmanager
def observe_attention(model: nn.Module, observer: Callable[[AttentionCall], None]) -> Iterator[None]:
    """Call `observer` once for each block of each forward pass; nothing is stored and no trace is left."""
    blocks: Any = model.transformer.blocks  # type: ignore[union-attr]
    mode = _SeeAttention(observer)
    with ExitStack() as stack:
        for index, block in enumerate(blocks):
            stack.callback(block.register_forward_pre_hook(mode.entering(index)).remove)
            stack.callback(block.register_forward_hook(mode.leaving).remove)
        stack.enter_context(mode)
        yield


class _SeeAttention(TorchFunctionMode):
    """Sees every fused attention that torch runs, and tells those inside a block to the observer."""

    def __init__(self, observer: Callable[[AttentionCall], None]) -> None:
        super().__init__()
        self.observer = observer
        self.current: tuple[int, nn.Module, Tensor] | None = None

    def entering(self, index: int) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def hook(block: nn.Module, inputs: tuple[Any, ...]) -> None:
            self.current = (index, block, inputs[0])

        return hook

    def leaving(self, *_: object) -> None:
        self.current = None

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if function is F.scaled_dot_product_attention and self.current is not None:
            query, key, value = args[:3]
            self._tell(query, key, value, kwargs.get("scale"))
        return function(*args, **kwargs)

    @torch.no_grad()
    def _tell(self, query: Tensor, key: Tensor, value: Tensor, scale: float | None) -> None:
        assert self.current is not None
        index, block, block_input = self.current
        projection: Any = block.attn.proj  # type: ignore[union-attr]
        scale = query.shape[-1] ** -0.5 if scale is None else scale
        with torch.autocast(query.device.type, enabled=False):  # what is measured is not rounded once more
            self.observer(AttentionCall(index, query, key, value, scale, block_input, projection))


def _at_least_float32(tensor: Tensor) -> Tensor:
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def _append(store: dict[str, Tensor], name: str, new: Tensor) -> None:
    new = new.detach()
    store[name] = torch.cat([store[name], new]) if name in store else new
