"""The places of the queries and keys of one call of attention."""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from trimformer.attention.calls.positions import PositionTracer
from trimformer.attention.calls.product_places import Coordinates
from trimformer.attention.calls.written import MapsTimesValues


def traced_ends(
    tracer: PositionTracer,
    product: MapsTimesValues | None,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[Coordinates, Coordinates] | None:
    """The coordinates of the queries and of the keys, (batch, tokens) each; None where one of them is not known.

    Args:
        tracer: Has followed the network up to here.
        product: Of an attention that the network writes out, its last product.
        function: The function of torch that attends.
        args: Its arguments.
        kwargs: Its arguments by name.
    """
    if product is not None:
        queries, keys = tracer.of(product.maps), tracer.of(product.values)
        if queries is None or keys is None:
            return None
        rows = tuple(product.queries(axis)[:, 0, :, 0] for axis in queries)
        return rows, tuple(product.keys(axis)[:, 0, :, 0] for axis in keys)
    query = args[0] if args else kwargs["query"]
    key = args[1] if len(args) > 1 else kwargs["key"]
    queries, keys = tracer.of(query), tracer.of(key)
    if queries is None or keys is None:
        return None
    tokens = _of_multi_head if function is F.multi_head_attention_forward else _of_heads
    return tuple(map(tokens, queries)), tuple(map(tokens, keys))


def _of_heads(axis: Tensor) -> Tensor:
    """(batch, tokens) of what scaled dot product attention takes."""
    if axis.ndim > 4 and not (axis[..., :1, :, :1] == axis[..., :1]).all():
        return axis.new_zeros(1, 1)  # heads do not stand where they were looked for: no place
    return axis[..., 0] if axis.ndim == 3 else axis.flatten(0, axis.ndim - 4)[:, 0, :, 0]


def _of_multi_head(axis: Tensor) -> Tensor:
    """(batch, tokens) of what nn.MultiheadAttention works with: tokens first."""
    return axis[:, None, 0].T if axis.ndim == 2 else axis[..., 0].T
