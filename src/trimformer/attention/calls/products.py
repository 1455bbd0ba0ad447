"""Products of torch in which the maps of an attention may meet its values."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

MATRIX_PRODUCTS = (torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.bmm, Tensor.bmm)
PRODUCTS = (*MATRIX_PRODUCTS, torch.einsum, torch.baddbmm, Tensor.baddbmm)


def function_name(function: Callable[..., Any]) -> str:
    """The name of a function, or of the property that it gets."""
    name: str = getattr(function, "__name__", "")
    return getattr(getattr(function, "__self__", None), "__name__", name) if name == "__get__" else name


def tensors_in(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[Tensor]:
    """The tensors among the arguments of a function, and in lists among them."""
    for value in (*args, *kwargs.values()):
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, tuple | list):
            yield from (item for item in value if isinstance(item, torch.Tensor))


def values_summed_by(
    maps: Tensor, swapped: bool, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Tensor | None:
    """The other factor of a product, if the product sums it over keys, weighted by the maps; None of others.

    Args:
        maps: One factor: (..., queries, keys), or (..., keys, queries) where `swapped`.
        swapped: Whether keys come before queries.
        function: What is called.
        args: Its arguments.
        kwargs: Its arguments by name.
    """
    factors = list(tensors_in(args, kwargs))
    if len(factors) != 2:
        return None
    first, second = factors
    if function is torch.einsum:
        return None if swapped else _by_letters(maps, first, second, args)
    if function not in MATRIX_PRODUCTS or min(first.ndim, second.ndim) < 2:
        return None
    if swapped:
        return first if second is maps else None
    return second if first is maps else None


def keys_then_depth(
    like_values: Tensor, maps: Tensor, swapped: bool, function: Callable[..., Any], args: tuple[Any, ...]
) -> Tensor:
    """What has the shape of the values of a product, as (..., keys, depth): see `values_summed_by`."""
    if function is not torch.einsum:
        return like_values.transpose(-2, -1) if swapped else like_values
    mine, other, _ = _letters(maps, args)
    if like_values.ndim > len(other):  # the axes of an ellipsis, which stand in front
        return like_values
    leading, key = mine[:-2], mine[-1]
    kept = [letter for letter in leading if letter in other]
    depth = [letter for letter in other if letter not in (*kept, key)]
    ordered = like_values.permute([other.index(letter) for letter in (*kept, key, *depth)])
    ordered = ordered.flatten(len(kept) + 1) if depth else ordered.unsqueeze(-1)
    for axis, letter in enumerate(leading):
        ordered = ordered if letter in other else ordered.unsqueeze(axis)
    return ordered


def _by_letters(maps: Tensor, first: Tensor, second: Tensor, args: tuple[Any, ...]) -> Tensor | None:
    """The values of an einsum: keys are summed away; queries stay, and are no axis of the values."""
    if not isinstance(args[0], str) or "->" not in args[0]:
        return None
    mine, other, out = _letters(maps, args)
    query, key = mine[-2], mine[-1]
    if key in out or query not in out or key not in other or query in other:
        return None
    return second if first is maps else first


def _letters(maps: Tensor, args: tuple[Any, ...]) -> tuple[str, str, str]:
    """The axes of the maps, of the other factor and of the output, without an ellipsis."""
    names, _, out = args[0].replace(" ", "").replace("...", "").partition("->")
    mine, other = names.split(",")
    is_first = next(tensors_in(args[1:], {})) is maps
    return (mine, other, out) if is_first else (other, mine, out)
