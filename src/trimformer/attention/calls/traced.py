"""The places of the queries and keys of one call of attention."""

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor
from torch.nn import functional as F

from trimformer.attention.calls.head_axis import HeadAxis, find_head_axis, stand_alike
from trimformer.attention.calls.positions import PositionTracer
from trimformer.attention.calls.product_places import Coordinates
from trimformer.attention.calls.written import MapsTimesValues


class Traced(NamedTuple):
    """What is known of where an attention's tokens lie."""

    ends: tuple[Coordinates, Coordinates] | None = None
    """The coordinates of the queries and of the keys, (batch * windows, tokens) each; None where one is not known."""
    head_axis: HeadAxis | None = None
    """Where the heads stand, if not right in front of the tokens."""


UNTRACED = Traced()


def trace(
    tracer: PositionTracer,
    product: MapsTimesValues | None,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Traced:
    """Where the queries and the keys lie, and with them the heads.

    Args:
        tracer: Has followed the network up to here.
        product: Of an attention that the network writes out, its last product.
        function: The function of torch that attends.
        args: Its arguments.
        kwargs: Its arguments by name.
    """
    if product is not None:
        return _of_rows(
            _slots(tracer.of(product.maps), product.queries), _slots(tracer.of(product.values), product.keys)
        )
    query = args[0] if args else kwargs["query"]
    key = args[1] if len(args) > 1 else kwargs["key"]
    four_axes = _of_multi_head if function is F.multi_head_attention_forward else _of_heads
    return _of_rows(_slots(tracer.of(query), four_axes), _slots(tracer.of(key), four_axes))


def _slots(coordinates: Coordinates | None, four_axes: Callable[[Tensor], Tensor]) -> Coordinates | None:
    """(batch, slots, tokens) each, if a token has one place; not of attention among channels."""
    if coordinates is None:
        return None
    seen = tuple(map(four_axes, coordinates))
    return tuple(axis[..., 0] for axis in seen) if stand_alike(seen, along=-1) else None


def _of_rows(queries: Coordinates | None, keys: Coordinates | None) -> Traced:
    """Of (batch, slots, tokens), where a slot is a head, or else a window."""
    axis = None if queries is None else find_head_axis(queries)
    if queries is None or keys is None:
        return Traced(None, axis)
    if axis is not None and queries[0].shape[:2] == keys[0].shape[:2]:
        queries, keys = (tuple(map(axis.relaid, each)) for each in (queries, keys))
    if not (stand_alike(queries) and stand_alike(keys)):
        return Traced(None, axis)  # heads do not see the same tokens: no place
    return Traced((tuple(axis[:, 0] for axis in queries), tuple(axis[:, 0] for axis in keys)), axis)


def _of_heads(axis: Tensor) -> Tensor:
    """(batch, slots, tokens, depth) of what scaled dot product attention takes."""
    return axis.unsqueeze(1) if axis.ndim == 3 else axis.flatten(0, axis.ndim - 4)


def _of_multi_head(axis: Tensor) -> Tensor:
    """(batch, 1, tokens, width) of what nn.MultiheadAttention works with: tokens first."""
    return (axis.unsqueeze(1) if axis.ndim == 2 else axis).transpose(0, 1).unsqueeze(1)
