"""Which tokens are patches of the image, and where they lie."""

import math
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

MAX_PREFIX_TOKENS = 8
"""Class, distillation and register tokens that are looked for in front of the patches."""


@dataclass(frozen=True)
class TokenGrid:
    """The tokens of an image: first those that stand for no place, then the patches, row by row."""

    grid_size: tuple[int, int]
    """Rows and columns of patches."""
    patch_size: int
    """Pixels of the image along one side of a patch."""
    num_prefix_tokens: int = 0
    """Class, distillation and register tokens."""

    def of_patches(self, field: Tensor) -> Tensor:
        """Attention (..., tokens, tokens) among the patches alone, rows renormalised: (..., patches, patches)."""
        if self.num_prefix_tokens == 0:
            return field
        patches = field[..., self.num_prefix_tokens :, self.num_prefix_tokens :]
        return patches / patches.sum(dim=-1, keepdim=True)


def find_token_grid(model: nn.Module, num_tokens: int, image_size: tuple[int, int]) -> TokenGrid | None:
    """The grid that the model tells (`patch_embed.grid_size`, as in timm), else the one that fits its tokens.

    Without a word from the model, patches are squares that divide the image, and as few tokens as possible, at most
    `MAX_PREFIX_TOKENS`, stand in front of them. None where no grid fits.

    Args:
        model: Any network with a transformer.
        num_tokens: Tokens that its blocks see.
        image_size: Rows and columns of the image, in pixels.

    Example:
        >>> find_token_grid(nn.Identity(), 197, (224, 224))
        TokenGrid(grid_size=(14, 14), patch_size=16, num_prefix_tokens=1)
    """
    for module in model.modules():
        size: Any = getattr(getattr(module, "patch_embed", None), "grid_size", None)
        if isinstance(size, tuple | list) and len(size) == 2:
            grid = _grid(image_size[0] // size[0], num_tokens, image_size)
            if grid is not None and grid.grid_size == tuple(size):
                return grid
    side = math.gcd(*image_size)
    divisors = (patch for patch in range(1, side + 1) if side % patch == 0)
    return next((grid for patch in divisors if (grid := _grid(patch, num_tokens, image_size)) is not None), None)


def _grid(patch: int, num_tokens: int, image_size: tuple[int, int]) -> TokenGrid | None:
    """The grid of patches of that side, if it leaves a number of tokens in front that there can be."""
    rows, columns = image_size
    if patch == 0 or rows % patch or columns % patch:
        return None
    prefix = num_tokens - (rows // patch) * (columns // patch)
    return TokenGrid((rows // patch, columns // patch), patch, prefix) if 0 <= prefix <= MAX_PREFIX_TOKENS else None
