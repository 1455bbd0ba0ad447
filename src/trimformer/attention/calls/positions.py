"""Where on the image a tensor's entries come from: the network's own moves, repeated on the coordinates of pixels."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.weak import WeakIdKeyDictionary

from trimformer.attention.calls.coarser import places_of_windows
from trimformer.attention.calls.product_places import Coordinates, places_of_product
from trimformer.attention.calls.products import PRODUCTS, function_name, tensors_in

MOVES = {
    *("roll", "flip", "permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "T", "mT", "unbind"),
    *("reshape", "view", "reshape_as", "view_as", "flatten", "unflatten", "squeeze", "unsqueeze", "expand", "repeat"),
    *("chunk", "split", "tensor_split", "narrow", "select", "index_select", "__getitem__", "pad"),
    *("gather", "take_along_dim"),
}
"""Functions of torch, by name, that put entries elsewhere and leave them what they are."""


class PositionTracer:
    """Repeats what happens to the image on the coordinates of its pixels, so that shifts and windows are followed.

    A function that keeps the shape keeps the places. A linear layer stands at the mean of what it mixes; a
    convolution or pooling at the middle of its share of the input. What comes from elsewhere (class tokens, padding)
    has no place. Nothing of the network is run again.
    """

    def __init__(self) -> None:
        self._known: Any = WeakIdKeyDictionary()

    def begin(self, images: Tensor) -> None:
        """Pixels (batch, channels, *size) stand for their own middles; what has a place already, keeps it."""
        if images.ndim not in (4, 5) or images in self._known:
            return
        starts = (1.0, 0.0, *[0.5] * (images.ndim - 2))
        self._known[images] = tuple(
            _along(axis, starts[axis] + torch.arange(images.shape[axis], device=images.device), images.shape)
            for axis in (0, *range(2, images.ndim))
        )

    def of(self, tensor: Tensor) -> Coordinates | None:
        """The places of a tensor's entries, each of its shape."""
        known: Coordinates | None = self._known.get(tensor)
        return known

    @torch.no_grad()
    def ran(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        """Follow a call of torch that has ended."""
        results = result if isinstance(result, tuple | list) else (result,)
        if not any(isinstance(each, torch.Tensor) for each in results):
            return
        known = [(tensor, self._known[tensor]) for tensor in tensors_in(args, kwargs) if tensor in self._known]
        if not known:
            return
        # A move that coordinates cannot repeat leaves places unknown; it must not end the network's own run.
        with suppress(RuntimeError, TypeError, ValueError, IndexError):
            self._repeat(function, args, kwargs, known, results)

    def _repeat(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        known: Sequence[tuple[Tensor, Coordinates]],
        results: Sequence[Any],
    ) -> None:
        name = function_name(function)
        if name in MOVES:
            moved = [_moved(name, function, self._replaced(args, axis), kwargs) for axis in range(len(known[0][1]))]
            self._keep(results, list(zip(*moved, strict=True)))
        elif name in ("cat", "concat", "concatenate"):
            self._keep(results, [self._joined(args, kwargs, results[0], len(known[0][1]))])
        else:
            self._keep(results, [_computed(name, function, args, kwargs, known, each) for each in results])

    def _keep(self, results: Sequence[Any], coordinates: Sequence[Coordinates | None]) -> None:
        for result, known in zip(results, coordinates, strict=False):
            if known is not None and all(axis.shape == result.shape for axis in known):
                self._known[result] = known

    def _replaced(self, args: tuple[Any, ...], axis: int) -> list[Any]:
        """The arguments, those tensors whose places are known by one coordinate of them."""
        return [
            self._known[value][axis] if isinstance(value, torch.Tensor) and value in self._known else value
            for value in args
        ]

    def _joined(self, args: tuple[Any, ...], kwargs: dict[str, Any], result: Tensor, num_axes: int) -> Coordinates:
        """Of `torch.cat`: one after another, and none for what has no place."""
        parts = [self.of(part) or (part.new_zeros(part.shape, dtype=torch.float32),) * num_axes for part in args[0]]
        dim = args[1] if len(args) > 1 else kwargs.get("dim", 0)
        return tuple(_join([part[axis] for part in parts], dim, result.shape) for axis in range(num_axes))


def _moved(name: str, function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]) -> Sequence[Tensor]:
    """The same move of one coordinate; as many as the move returns."""
    if name == "view":  # what was contiguous need not be so for coordinates, which are often expanded
        function = torch.Tensor.reshape
    moved = function(*args, **kwargs)
    return moved if isinstance(moved, tuple | list) else (moved,)


def _join(parts: list[Tensor], dim: int, shape: torch.Size) -> Tensor:
    """Coordinates joined as their tensors are; where none of them changes along that axis, their mean for all of it."""
    if all(part.shape[dim] > 1 and part.stride(dim) == 0 for part in parts):
        mean = _mean(torch.stack([part.select(dim, 0) for part in parts], dim=-1))
        return mean.squeeze(-1).unsqueeze(dim).expand(shape)
    return torch.cat(parts, dim)


def _computed(
    name: str,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    known: Sequence[tuple[Tensor, Coordinates]],
    result: Any,
) -> Coordinates | None:
    """The places of what a function computed from tensors of known places."""
    if not isinstance(result, torch.Tensor):
        return None
    first, coordinates = known[0]
    if name in ("amax", "max") and result.shape != first.shape:
        return tuple(_pooled(axis, result.shape, *args[1:], **kwargs) for axis in coordinates)
    if function is F.linear and result.shape[:-1] == first.shape[:-1]:
        return tuple(_mean(axis).expand(result.shape) for axis in coordinates)
    if function in PRODUCTS:
        return places_of_product(function, args, known, result)
    if name.lstrip("_").startswith(("conv", "max_pool", "avg_pool", "adaptive")):
        return places_of_windows(function, args, kwargs, coordinates, result.shape)
    return next((places for tensor, places in known if tensor.shape == result.shape), None)


def _pooled(axis: Tensor, shape: torch.Size, dim: int | list[int] | tuple[int, ...], keepdim: bool = False) -> Tensor:
    """The mean place of those entries of which one is kept."""
    counts = (axis != 0).sum(dim=dim, keepdim=keepdim).clamp(min=1)
    return (axis.sum(dim=dim, keepdim=keepdim) / counts).expand(shape)


def _mean(values: Tensor) -> Tensor:
    """Mean over the last axis, which stays with size 1, of what has a place."""
    if values.stride(-1) == 0:
        return values[..., :1]
    return values.sum(dim=-1, keepdim=True) / (values != 0).sum(dim=-1, keepdim=True).clamp(min=1)


def _along(axis: int, values: Tensor, shape: torch.Size) -> Tensor:
    return values.view([-1 if each == axis else 1 for each in range(len(shape))]).expand(shape)
