"""Seeing the attention of a model without changing it."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from trimformer.attention.recording.adapter import AttentionAdapter, record_adapted
from trimformer.attention.recording.pass_recorder import record_any
from trimformer.attention.recording.recorded import Recording, Wanted, append
from trimformer.attention.transformer.blocks import Transformer, own_transformer
from trimformer.attention.transformer.observe import AttentionCall, observe_attention
from trimformer.attention.transformer.token_grid import TokenGrid
from trimformer.records.errors import UserError

__all__ = ["Recording", "record_attention"]


@contextmanager
def record_attention(
    model: nn.Module,
    *,
    scores: bool = False,
    heads: bool = False,
    grid: TokenGrid | None = None,
    adapter: AttentionAdapter | None = None,
) -> Iterator[Recording]:
    """Record the attention maps of every block while the model runs inside the `with`.

    The model is left as it was, exception or not, and its output is the same to 1e-5 with and without recording. Only
    the thread that opened the `with` is recorded, and a compiled model runs as it was written.

    Args:
        model: Any network that attends by `F.scaled_dot_product_attention`, `nn.MultiheadAttention` or
            `nn.TransformerEncoderLayer`, or by a softmax over the last axis whose product with values it takes itself.
            Windows, stages and reduced keys are recorded as they are.
        scores: Keep the values before the softmax as well.
        heads: Keep the output of every head as well.
        grid: Where the tokens lie, if that cannot be found: patches along each axis, their sides in pixels, and how
            many tokens stand in front of them.
        adapter: How to read a model that does none of this.

    Raises:
        UserError: The model has no block that can be recorded, or its blocks were not run inside the `with`.

    Example:
        >>> import torch, trimformer as tf
        >>> model = tf.create_model("unetr", num_classes=4, num_blocks=2, size="tiny", image_size=32, patch_size=8)
        >>> with tf.record_attention(model) as recording:
        ...     _ = model(torch.zeros(1, 1, 32, 32))
        >>> {name: tuple(maps.shape) for name, maps in recording.maps.items()}
        {'blocks.0': (1, 3, 16, 16), 'blocks.1': (1, 3, 16, 16)}
        >>> recording.grids["blocks.0"].query_px[0, :3].tolist()
        [[4.0, 4.0], [4.0, 12.0], [4.0, 20.0]]
    """
    recording, wanted = Recording(), Wanted(scores, heads)
    if adapter is not None:
        recorder = record_adapted(model, adapter, recording, wanted, grid)
    elif own := own_transformer(model):
        recorder = _record_own(own, recording, wanted)
    else:
        recorder = record_any(model, recording, wanted, grid)
    with recorder:
        yield recording


@contextmanager
def _record_own(transformer: Transformer, recording: Recording, wanted: Wanted) -> Iterator[None]:
    recording.lay(transformer.grid)

    def keep(call: AttentionCall) -> None:
        append(recording, transformer.names[call.index], wanted.of(call))
        recording.lay(transformer.grid)

    with observe_attention(transformer.blocks, keep):
        yield
    if missing := [name for name in transformer.names if name not in recording.maps]:
        raise UserError(
            "Every block must run its attention inside the recording",
            f"nothing from {', '.join(missing)}",
            "Call the model inside the `with`.",
        )
