"""Attention in shifted windows, by loops: where each token lies, what it may see, and its maps in float64."""

from itertools import product
from typing import Any

import torch
from torch import Tensor

Size = tuple[int, ...]


def padded(grid: Size, window: Size) -> Size:
    return tuple(-(-size // side) * side for size, side in zip(grid, window, strict=True))


def tokens_of_windows(grid: Size, window: Size, shift: Size) -> list[list[Size]]:
    """For every window its tokens' places on the (padded) grid, before they were shifted."""
    whole = padded(grid, window)
    counts = [size // side for size, side in zip(whole, window, strict=True)]
    return [
        [
            tuple(
                (w * side + i + s) % size for w, side, i, s, size in zip(at, window, inside, shift, whole, strict=True)
            )
            for inside in product(*map(range, window))
        ]
        for at in product(*map(range, counts))
    ]


def middles(grid: Size, window: Size, shift: Size, patch: int) -> Tensor:
    """The same in pixels: the middle of each token's patch, NaN for those that only fill the last windows."""
    return torch.tensor(
        [
            [
                [(i + 0.5) * patch for i in token]
                if all(i < size for i, size in zip(token, grid, strict=True))
                else [torch.nan] * len(grid)
                for token in tokens
            ]
            for tokens in tokens_of_windows(grid, window, shift)
        ]
    )


def window_bias(attention: Any, grid: Size, window: Size, shift: Size) -> Tensor:
    """What is added to the scores (windows, heads, tokens, tokens) of a Swin attention: minus infinity is forbidden."""
    bias = _bias(attention.relative_position_bias_table.detach().double(), window)
    return torch.where(_allowed(grid, window, shift)[:, None], bias, -torch.inf)


def _bias(table: Tensor, window: Size) -> Tensor:
    places = list(product(*map(range, window)))
    rows = torch.zeros(len(places), len(places), dtype=torch.long)
    for (q, query), (k, key) in product(enumerate(places), repeat=2):
        number = 0
        for i, j, side in zip(query, key, window, strict=True):
            number = number * (2 * side - 1) + i - j + side - 1
        rows[q, k] = number
    return table[rows].permute(2, 0, 1)


def _allowed(grid: Size, window: Size, shift: Size) -> Tensor:
    """Tokens that the shift brought from the opposite side are not seen by the others of their window."""
    whole = padded(grid, window)
    masks = []
    for at in product(*[range(size // side) for size, side in zip(whole, window, strict=True)]):
        came_round = torch.tensor(
            [
                [w * side + i + s >= size for w, side, i, s, size in zip(at, window, inside, shift, whole, strict=True)]
                for inside in product(*map(range, window))
            ]
        )
        masks.append((came_round[:, None] == came_round[None]).all(dim=-1))
    return torch.stack(masks)
