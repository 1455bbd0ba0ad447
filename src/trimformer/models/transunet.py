"""TransUNet (Chen et al. 2021): a ResNetV2 trunk, a transformer on its features, a cascaded upsampler."""

from collections.abc import Sequence

import torch
from torch import nn

from trimformer.models.layers import Features, conv_norm_relu, double_conv, logits_head
from trimformer.models.resnetv2 import ResNetV2Trunk
from trimformer.models.segmentation_model import Images, Logits, SegmentationModel
from trimformer.models.sizes import SIZES, Size
from trimformer.models.vit import TokenMap, VisionTransformer

TRUNK_UNITS = {16: (3, 4, 9), 8: (3, 4)}
"""Bottleneck units of each trunk stage, by patch size: the trunk ends at the stride of the patches."""

DECODER_WIDTHS = {16: (256, 128, 64), 8: (128, 64)}
"""Channels after each doubling of the grid but the last, by patch size."""

LAST_WIDTH = 16
"""Channels after the last doubling, at every size: divided like the others they would be 4 at `tiny`, and that network
had not learned after two epochs, where this one had after one (docs/cpu-recipes.md)."""


class TransUNet(SegmentationModel):
    """The transformer sees the trunk's features, one position a token; the trunk's skips join on the way up.

    Args:
        num_classes: Classes, background counted.
        num_blocks: Transformer blocks.
        decoder: `full` or `compressed`: the paper compresses TransUNet by its blocks alone, so both are the same.
        size: `base`, `small` or `tiny`.
        image_size: Rows = columns of the slices, in pixels; a multiple of the patch size.
        patch_size: 16, or 8 with one level less.
        in_channels: Channels of the slices: 1 or 3 alike, or another number.

    Raises:
        UserError: The patch size does not divide the image size.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        num_blocks: int = 12,
        decoder: str = "full",  # noqa: ARG002 - the catalogue's word; one decoder serves both
        size: str = "base",
        image_size: int = 224,
        patch_size: int = 16,
        in_channels: int = 1,
    ) -> None:
        super().__init__(image_size, in_channels, stride=patch_size, repeats_grey=True)
        widths = SIZES[size]
        self.trunk = ResNetV2Trunk(TRUNK_UNITS[patch_size], widths, self.network_channels)
        self.transformer = VisionTransformer(
            in_channels=self.trunk.out_channels,
            patch_size=patch_size,
            input_stride=patch_size,
            grid_size=(image_size // patch_size, image_size // patch_size),
            width=widths.token_width,
            num_heads=widths.num_heads,
            num_blocks=num_blocks,
            num_taps=1,
        )
        self.decoder = CascadedUpsampler(widths, self.trunk.skip_widths, DECODER_WIDTHS[patch_size])
        self.head = logits_head(LAST_WIDTH, num_classes)

    def forward(self, images: Images) -> Logits:
        """Logits (batch, classes, rows, columns) of images (batch, channels, rows, columns)."""
        features, skips = self.trunk(self.prepare(images))
        (tokens,) = self.transformer(features)
        return self.head(self.decoder(tokens, skips))


class CascadedUpsampler(nn.Module):
    """Bilinear doubling, concatenation [upsampled, skip], two convolutions; the last step has no skip."""

    def __init__(self, size: Size, skip_widths: Sequence[int], base_widths: Sequence[int]) -> None:
        super().__init__()
        first_width = size.channels(512)
        widths = [*(size.channels(width) for width in base_widths), LAST_WIDTH]
        self.first = conv_norm_relu(size.token_width, first_width)
        self.upsample = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.steps = nn.ModuleList(
            double_conv(before + skip, after)
            for before, skip, after in zip([first_width, *widths[:-1]], [*skip_widths, 0], widths, strict=True)
        )

    def forward(self, tokens: TokenMap, skips: Sequence[Features]) -> Features:
        """Features on the image's grid from the tokens and the trunk's skips, deepest first."""
        *joining, last = self.steps
        features = self.first(tokens)
        for step, skip in zip(joining, skips, strict=True):
            features = step(torch.cat([self.upsample(features), skip], dim=1))
        return last(self.upsample(features))
