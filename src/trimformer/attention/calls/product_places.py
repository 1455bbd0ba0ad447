"""Where the rows of a matrix product come from."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from trimformer.attention.calls.products import tensors_in

Coordinates = tuple[Tensor, ...]
"""For every entry of a tensor the number of its image, from 1, and the pixel coordinates it stands for; 0: none."""


def places_of_product(
    function: Callable[..., Any], args: tuple[Any, ...], known: Sequence[tuple[Tensor, Coordinates]], result: Tensor
) -> Coordinates | None:
    """The places of a product's rows, those of its first factor, as of the queries in Q K^T; or else of its columns."""
    if function is not torch.einsum:
        return _of_matrix_product(tuple(tensors_in(args, {})), known, result)
    names, arrow, out = args[0].replace(" ", "").partition("->")
    if not arrow or "." in names or len(out) < 2:
        return None
    for letters, factor in zip(names.split(","), tensors_in(args[1:], {}), strict=True):
        places = next((places for tensor, places in known if tensor is factor), None)
        if places and out[-2] in letters:
            return tuple(_by_letters(axis, letters, out).expand(result.shape) for axis in places)
    return None


def _of_matrix_product(
    factors: tuple[Tensor, ...], known: Sequence[tuple[Tensor, Coordinates]], result: Tensor
) -> Coordinates | None:
    if any(factor.ndim != result.ndim for factor in factors):
        return None
    for factor, summed in ((factors[0], -1), (factors[1], -2)):
        places = next((places for tensor, places in known if tensor is factor), None)
        if places and all((axis == axis.narrow(summed, 0, 1)).all() for axis in places):
            return tuple(axis.narrow(summed, 0, 1).expand(result.shape) for axis in places)
    return None


def _by_letters(axis: Tensor, letters: str, out: str) -> Tensor:
    """A factor of an einsum brought to the order of its output; axes that it has not are of size 1."""
    for position in reversed([at for at, letter in enumerate(letters) if letter not in out]):
        axis = axis.select(position, 0)
    kept = [letter for letter in letters if letter in out]
    axis = axis.permute([kept.index(letter) for letter in out if letter in kept])
    for position, letter in enumerate(out):
        axis = axis if letter in kept else axis.unsqueeze(position)
    return axis
