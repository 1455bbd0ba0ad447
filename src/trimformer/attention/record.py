"""Seeing the attention of a model without changing it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn

from trimformer.attention.blocks import Transformer, own_transformer
from trimformer.attention.follow import Event, follow
from trimformer.attention.fused import Heads
from trimformer.attention.naming import name_blocks, nothing_recorded, one_shape
from trimformer.attention.observe import AttentionCall, full_precision, observe_attention
from trimformer.attention.token_grid import find_token_grid
from trimformer.records.errors import UserError


@dataclass
class Recording:
    """The attention seen so far; each forward pass appends its images along the batch."""

    grid_size: tuple[int, int] | None = None
    """Rows and columns of patches; of a network that is not ours None before the first pass, and where none fits."""
    patch_size: int | None = None
    """Pixels along one side of a patch."""
    num_prefix_tokens: int = 0
    """Class, distillation and register tokens, which are the first queries and keys of every map."""
    maps: dict[str, Float[Tensor, "batch heads queries keys"]] = field(default_factory=dict)
    """After the softmax, by block name."""
    scores: dict[str, Float[Tensor, "batch heads queries keys"]] = field(default_factory=dict)
    """Before the softmax, by block name; empty unless asked for."""


@contextmanager
def record_attention(model: nn.Module, *, scores: bool = False) -> Iterator[Recording]:
    """Record the attention maps of every block while the model runs inside the `with`.

    The model is left as it was, exception or not, and its output is the same to 1e-5 with and without recording.

    Args:
        model: Any network with one sequence of transformer blocks that attend by `F.scaled_dot_product_attention`,
            `nn.MultiheadAttention` or `nn.TransformerEncoderLayer`.
        scores: Keep the values before the softmax as well.

    Raises:
        UserError: The model has no block that can be recorded, or its blocks were not run inside the `with`.

    Example:
        >>> import torch, trimformer as tf
        >>> model = tf.create_model("unetr", num_classes=4, num_blocks=2, size="tiny", image_size=32, patch_size=8)
        >>> with tf.record_attention(model) as recording:
        ...     _ = model(torch.zeros(1, 1, 32, 32))
        >>> {name: tuple(maps.shape) for name, maps in recording.maps.items()}
        {'blocks.0': (1, 3, 16, 16), 'blocks.1': (1, 3, 16, 16)}
    """
    recording = Recording()
    own = own_transformer(model)
    with _record_own(own, recording, scores) if own else _record_any(model, recording, scores):
        yield recording


@contextmanager
def _record_own(transformer: Transformer, recording: Recording, scores: bool) -> Iterator[None]:
    recording.grid_size, recording.patch_size = transformer.grid.grid_size, transformer.grid.patch_size

    def keep(call: AttentionCall) -> None:
        name = transformer.names[call.index]
        _append(recording.maps, name, call.maps())
        if scores:
            _append(recording.scores, name, call.scores())

    with observe_attention(transformer.blocks, keep):
        yield
    if missing := [name for name in transformer.names if name not in recording.maps]:
        raise UserError(
            "Every block must run its attention inside the recording",
            f"nothing from {', '.join(missing)}",
            "Call the model inside the `with`.",
        )


@contextmanager
def _record_any(model: nn.Module, recording: Recording, scores: bool) -> Iterator[None]:
    recorder = _PassRecorder(model, recording, scores)
    with follow(model, recorder.tell, recorder.end):
        yield
    if not recording.maps:
        raise nothing_recorded(model, recorder.events)


class _PassRecorder:
    """Keeps the attention of one forward pass of any network until it is over and the blocks can be named."""

    def __init__(self, model: nn.Module, recording: Recording, scores: bool) -> None:
        self.events: list[Event] = []
        self._seen: list[tuple[Tensor, Tensor | None]] = []
        self._image_size: tuple[int, int] | None = None
        self._model, self._recording, self._with_scores = model, recording, scores

    @torch.no_grad()
    def tell(self, event: Event, heads: Heads | None) -> None:
        if event.kind == "module" and len(event.stack) == 1:  # a pass begins; one that failed is forgotten
            self.events, self._seen = [], []
        self.events.append(event)
        if self._image_size is None and event.shapes and len(event.shapes[0]) == 4 and heads is None:
            self._image_size = (event.shapes[0][-2], event.shapes[0][-1])
        if heads is not None:
            with full_precision(heads.query):
                self._seen.append((heads.maps(), heads.scores() if self._with_scores else None))

    def end(self) -> None:
        if not self._seen:
            return
        names, shape = name_blocks(self._model, self.events), one_shape(self.events)
        for name, (maps, scores) in zip(names, self._seen, strict=True):
            _append(self._recording.maps, name, maps)
            if scores is not None:
                _append(self._recording.scores, name, scores)
        grid = find_token_grid(self._model, shape[2], self._image_size) if self._image_size else None
        if grid is not None:
            self._recording.grid_size, self._recording.patch_size = grid.grid_size, grid.patch_size
            self._recording.num_prefix_tokens = grid.num_prefix_tokens


def _append(store: dict[str, Tensor], name: str, new: Tensor) -> None:
    new = new.detach()
    store[name] = torch.cat([store[name], new]) if name in store else new
