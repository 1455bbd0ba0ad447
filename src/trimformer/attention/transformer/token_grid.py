"""Which tokens are patches of the image, and where they lie."""

import math
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from trimformer.records.errors import UserError

MAX_PREFIX_TOKENS = 8
"""Class, distillation and register tokens that are looked for in front of the patches."""


@dataclass(frozen=True)
class TokenGrid:
    """The tokens of an image: first those that stand for no place, then the patches, row by row."""

    grid_size: tuple[int, ...]
    """Rows and columns of patches; of a volume, patches along each of its three axes."""
    patch_sizes: tuple[int, ...]
    """Pixels of a patch along each axis."""
    num_prefix_tokens: int = 0
    """Class, distillation and register tokens."""

    @property
    def num_patches(self) -> int:
        """Tokens that stand for a place."""
        return math.prod(self.grid_size)

    @property
    def patch_size(self) -> int:
        """Pixels along any side of a patch.

        Raises:
            UserError: The sides differ.
        """
        if len(set(self.patch_sizes)) > 1:
            raise UserError(
                "A patch has one size where its sides are equal",
                f"patches of {self.patch_sizes} pixels",
                "Use patch_sizes, which has one for each axis.",
            )
        return self.patch_sizes[0]

    @property
    def rows_and_columns(self) -> tuple[int, int]:
        """The grid of a plane image.

        Raises:
            UserError: It is the grid of a volume.
        """
        if len(self.grid_size) != 2:
            raise UserError(
                "Rows and columns are those of a plane image",
                f"tokens on a grid of {self.grid_size}",
                "Give slices; what is measured in volumes stands in docs/attention-models.md.",
            )
        rows, columns = self.grid_size
        return rows, columns

    def of_patches(self, field: Tensor) -> Tensor:
        """Attention (..., tokens, tokens) among the patches alone, rows renormalised: (..., patches, patches)."""
        if self.num_prefix_tokens == 0:
            return field
        patches = field[..., self.num_prefix_tokens :, self.num_prefix_tokens :]
        return patches / patches.sum(dim=-1, keepdim=True)


def find_token_grid(model: nn.Module, num_tokens: int, image_size: tuple[int, ...]) -> TokenGrid | None:
    """The grid that the model tells (`patch_embed.grid_size`, as in timm), else the one that fits its tokens.

    Without a word from the model, patches are squares or cubes that divide the image, and as few tokens as possible,
    at most `MAX_PREFIX_TOKENS`, stand in front of them. None where no grid fits.

    Args:
        model: Any network with a transformer.
        num_tokens: Tokens that its blocks see.
        image_size: Rows and columns of the image, in pixels; of a volume, all three.

    Example:
        >>> find_token_grid(nn.Identity(), 197, (224, 224))
        TokenGrid(grid_size=(14, 14), patch_sizes=(16, 16), num_prefix_tokens=1)
    """
    for module in model.modules():
        size: Any = getattr(getattr(module, "patch_embed", None), "grid_size", None)
        if isinstance(size, tuple | list) and len(size) == len(image_size) and all(size):
            patches = tuple(pixels // count for pixels, count in zip(image_size, size, strict=True))
            grid = grid_of_patches(patches, num_tokens, image_size)
            if grid is not None and grid.grid_size == tuple(size):
                return grid
    side = math.gcd(*image_size)
    squares = ((patch,) * len(image_size) for patch in range(1, side + 1) if side % patch == 0)
    return next((grid for each in squares if (grid := grid_of_patches(each, num_tokens, image_size))), None)


def grid_of_patches(patch_sizes: tuple[int, ...], num_tokens: int, image_size: tuple[int, ...]) -> TokenGrid | None:
    """The grid of patches of those sides, if they fill the image and leave a number in front that there can be."""
    sides = list(zip(image_size, patch_sizes, strict=True))
    if any(patch == 0 or pixels % patch for pixels, patch in sides):
        return None
    grid_size = tuple(pixels // patch for pixels, patch in sides)
    prefix = num_tokens - math.prod(grid_size)
    return TokenGrid(grid_size, patch_sizes, prefix) if 0 <= prefix <= MAX_PREFIX_TOKENS else None
