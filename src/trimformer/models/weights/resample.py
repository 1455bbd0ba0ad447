"""Weights brought to another grid of tokens, another patch size or another number of input channels."""

from math import isqrt

from jaxtyping import Float
from timm.layers import resample_abs_pos_embed, resample_patch_embed
from timm.models import adapt_input_conv
from torch import Tensor

MAX_PREFIX_TOKENS = 8
"""Class, distillation and register tokens come first and have no place on the grid; no ViT has more of them."""


def on_grid(positions: Float[Tensor, "1 stored width"]) -> Float[Tensor, "1 tokens width"]:
    """Learned positions without those of prefix tokens: a square number of them, row-major."""
    num_prefix_tokens = positions.shape[1] - isqrt(positions.shape[1]) ** 2
    return positions[:, num_prefix_tokens:] if num_prefix_tokens <= MAX_PREFIX_TOKENS else positions


def resample_positions(stored: Tensor, grid_size: tuple[int, int]) -> Float[Tensor, "1 tokens width"] | None:
    """Learned positions (1, any, width) on another grid, bicubic; None where what is stored is no square grid."""
    if stored.ndim != 3 or stored.shape[0] != 1:
        return None
    positions = on_grid(stored)
    side = isqrt(positions.shape[1])
    if side**2 != positions.shape[1]:
        return None
    return resample_abs_pos_embed(positions, new_size=list(grid_size), old_size=[side, side], num_prefix_tokens=0)


def resample_patches(stored: Tensor, wanted: tuple[int, ...], image_channels: int) -> Tensor | None:
    """A first convolution for another patch size (Beyer et al. 2023, FlexiViT) or number of image channels.

    Filters that see an image of 3 channels are spread over another number by timm's rule: repeated in turn, and scaled
    by 3 / channels. None where the shapes cannot match.

    Args:
        stored: The convolution's weight in the file: (out, in, rows, columns).
        wanted: Its shape in the model.
        image_channels: Channels of the model's image: only a convolution that sees it is spread.
    """
    if stored.ndim != 4 or stored.shape[0] != wanted[0]:
        return None
    if stored.shape[1] == 3 and wanted[1] == image_channels:
        stored = adapt_input_conv(image_channels, stored)
    if stored.shape[1] != wanted[1]:
        return None
    rows_and_columns = list(wanted[2:])
    return stored if list(stored.shape[2:]) == rows_and_columns else resample_patch_embed(stored, rows_and_columns)
