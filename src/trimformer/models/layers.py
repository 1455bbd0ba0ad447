"""The convolutional pieces that the decoders are built from."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

Features = Float[Tensor, "batch _ _ _"]
"""A feature map of any width on any grid."""


def conv_norm_relu(in_channels: int, out_channels: int) -> nn.Sequential:
    """Convolution 3x3 without bias, batch normalisation, ReLU; the grid stays."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


def double_conv(in_channels: int, out_channels: int) -> nn.Sequential:
    """The U-Net's pair of convolutions; the grid stays."""
    return nn.Sequential(conv_norm_relu(in_channels, out_channels), conv_norm_relu(out_channels, out_channels))


def transposed_conv(in_channels: int, out_channels: int) -> nn.ConvTranspose2d:
    """A learned upsampling that doubles rows and columns."""
    return nn.ConvTranspose2d(in_channels, out_channels, kernel_size=2, stride=2)


def up_path(*widths: int) -> nn.Sequential:
    """From `widths[0]` channels to `widths[-1]`; every step doubles rows and columns.

    Example:
        >>> up_path(768, 512, 256)(torch.zeros(1, 768, 14, 14)).shape
        torch.Size([1, 256, 56, 56])
    """
    steps = [
        nn.Sequential(transposed_conv(before, after), conv_norm_relu(after, after))
        for before, after in pairwise(widths)
    ]
    return nn.Sequential(*steps)


def logits_head(in_channels: int, num_classes: int) -> nn.Conv2d:
    """The last convolution: features to one logit a class and pixel."""
    return nn.Conv2d(in_channels, num_classes, kernel_size=3, padding=1)


class ExpansivePath(nn.Module):
    """The right-hand side of a U-Net: upsample, concatenate [skip, upsampled], convolve twice; once for each width.

    Args:
        in_channels: Channels of the deepest features.
        widths: Channels after each step; the skip joined at that step has as many.
    """

    def __init__(self, in_channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.upsample = nn.ModuleList(
            transposed_conv(before, after) for before, after in pairwise((in_channels, *widths))
        )
        self.merge = nn.ModuleList(double_conv(2 * width, width) for width in widths)

    def forward(self, deepest: Features, skips: Sequence[Features]) -> Features:
        """Climb from the deepest features to the grid of the last skip; skips come deepest first."""
        features = deepest
        for upsample, merge, skip in zip(self.upsample, self.merge, skips, strict=True):
            features = merge(torch.cat([skip, upsample(features)], dim=1))
        return features
