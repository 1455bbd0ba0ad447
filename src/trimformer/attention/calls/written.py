"""Attention that a network writes out: a softmax over keys, then the product of its maps with values."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.weak import WeakIdKeyDictionary

from trimformer.attention.calls.fused import Heads, heads_of
from trimformer.attention.calls.products import PRODUCTS, function_name, keys_then_depth, tensors_in, values_summed_by

SOFTMAXES = (F.softmax, torch.softmax, Tensor.softmax, torch.special.softmax)
REORDERING = {"permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "mT"}
"""Functions of torch, by name, that put axes in another order."""

KEEPING = REORDERING | {
    *("dropout", "to", "type", "type_as", "float", "half", "bfloat16", "double", "contiguous", "clone"),
    *("reshape", "view", "flatten", "unflatten", "squeeze", "unsqueeze", "detach", "alias"),
}
"""Functions of torch, by name, after which maps are still what the softmax gave."""


@dataclass
class _Softmax:
    """A softmax over keys."""

    scores: Tensor
    of_product: bool
    """Whether the scores are a product, as Q K^T is."""
    summed: bool = False
    """Whether its product with values has been seen."""


@dataclass(frozen=True)
class _Maps:
    """A tensor that holds the maps of a softmax, perhaps after dropout, in another type or shape."""

    softmax: _Softmax
    swapped: bool = False
    """Whether keys stand before queries."""


@dataclass(frozen=True)
class MapsTimesValues:
    """The product that ends an attention which the network writes out."""

    maps: Tensor
    values: Tensor
    swapped: bool
    scores: Tensor
    function: Callable[..., Any]
    args: tuple[Any, ...]

    def queries(self, like_maps: Tensor) -> Tensor:
        """What has the shape of the maps, as (batch, heads, queries, keys)."""
        straight = like_maps.transpose(-2, -1) if self.swapped else like_maps
        return _four_axes(straight.reshape(self.scores.shape))

    def keys(self, like_values: Tensor) -> Tensor:
        """What has the shape of the values, as (batch, heads, keys, depth)."""
        oriented = keys_then_depth(like_values, self.maps, self.swapped, self.function, self.args)
        leading = self.scores.shape[:-2]
        if oriented.ndim > 2 and math.prod(oriented.shape[:-2]) == math.prod(leading):
            return _four_axes(oriented.reshape(*leading, *oriented.shape[-2:]))
        return _four_axes(oriented.expand(*leading, *oriented.shape[-2:]))


class AttentionReader:
    """Reads the heads out of the functions that a network calls, fused or written out.

    A softmax alone may be a classifier or a gate. It is attention where its output is what values are summed by:
    `maps @ values`, `values @ maps^T`, or `torch.einsum` over the keys.
    """

    def __init__(self) -> None:
        self.product: MapsTimesValues | None = None
        """Where the heads read last came from, if the network wrote them out."""
        self._maps: Any = WeakIdKeyDictionary()
        self._products: Any = WeakIdKeyDictionary()

    def heads(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Heads | None:
        """The heads that a call is about to mix; None where the function is no attention.

        Raises:
            UserError: `nn.MultiheadAttention` adds keys of its own.
        """
        self.product = None
        if heads := heads_of(function, args, kwargs):
            return heads
        if not self._maps or function not in PRODUCTS:
            return None
        for tensor in tensors_in(args, kwargs):
            maps: _Maps | None = self._maps.get(tensor)
            if maps is None:
                continue
            values = values_summed_by(tensor, maps.swapped, function, args, kwargs)
            if values is not None and self._is_attention(maps.softmax, values):
                maps.softmax.summed = True
                self.product = MapsTimesValues(tensor, values, maps.swapped, maps.softmax.scores, function, args)
                return _heads(maps.softmax.scores, self.product.keys(values))
        return None

    def ran(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
    ) -> Literal["product", "other"] | None:
        """Keep in mind what a call returned where it may lead to attention; of a softmax over keys, what it is of."""
        if not isinstance(result, torch.Tensor):
            return None
        scores = _scores_of(function, args, kwargs)
        if scores is not None:
            softmax = _Softmax(scores, scores in self._products)
            self._maps[result] = _Maps(softmax)
            return "product" if softmax.of_product else "other"
        if function in PRODUCTS:
            self._products[result] = True
        else:
            self._follow(function, args, kwargs, result)
        return None

    def _is_attention(self, softmax: _Softmax, values: Tensor) -> bool:
        """Not twice, and not linear attention, whose softmax of Q itself meets the product K^T V."""
        return not softmax.summed and (softmax.of_product or values not in self._products)

    def _follow(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], new: Tensor) -> None:
        for tensor in tensors_in(args, kwargs):
            if tensor.numel() != new.numel():
                continue
            if tensor in self._products:
                self._products[new] = True
            if function_name(function) in KEEPING and (maps := self._maps.get(tensor)) is not None:
                swaps = _swaps(function, args, kwargs, tensor)
                if swaps is not None:
                    self._maps[new] = _Maps(maps.softmax, maps.swapped != swaps)


def _swaps(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], maps: Tensor) -> bool | None:
    """Whether a function swaps queries and keys; None where it brings other axes into another order."""
    if function_name(function) not in REORDERING:
        return False
    plain = torch.empty([2] * maps.ndim, device="meta")  # its strides tell its axes apart
    given = [plain if value is maps else value for value in args]
    named = {name: plain if value is maps else value for name, value in kwargs.items()}
    order = [plain.stride().index(stride) for stride in function(*given, **named).stride()]
    *leading, query, key = range(maps.ndim)
    return {(*leading, query, key): False, (*leading, key, query): True}.get(tuple(order))


def _scores_of(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    """What a softmax over the last of at least three axes takes; None of any other function."""
    if function not in SOFTMAXES:
        return None
    scores: Tensor = args[0] if args else kwargs["input"]
    dim = args[1] if len(args) > 1 else kwargs.get("dim")
    return scores if scores.ndim >= 3 and dim in (-1, scores.ndim - 1) else None


def _heads(scores: Tensor, values: Tensor) -> Heads:
    """Scores as the mask of queries and keys of depth 0, windows counted with the batch."""
    scores = _four_axes(scores)
    *leading, num_queries, num_keys = scores.shape
    query, key = (scores.new_empty(*leading, size, 0) for size in (num_queries, num_keys))
    return Heads(query, key, values, scale=1.0, mask=scores)


def _four_axes(tensor: Tensor) -> Tensor:
    """(batch, heads, ...) of what has windows between them, or no axis of heads."""
    return tensor.unsqueeze(1) if tensor.ndim == 3 else tensor.flatten(0, tensor.ndim - 4)
