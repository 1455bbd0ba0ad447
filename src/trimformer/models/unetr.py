"""UNETR in two dimensions (Hatamizadeh et al. 2022): a transformer encoder and a convolutional decoder."""

from collections.abc import Sequence

from torch import nn

from trimformer.models.layers import ExpansivePath, Features, double_conv, logits_head, up_path
from trimformer.models.segmentation_model import Images, Logits, SegmentationModel
from trimformer.models.sizes import SIZES, Size
from trimformer.models.vit import TokenMap, VisionTransformer

FULL_WIDTHS = {16: (512, 256, 128, 64), 8: (512, 256, 64)}
"""Channels of the full decoder from the first upsampling to the image's own grid, by patch size."""

COMPRESSED_WIDTHS = {16: (512, 256, 128), 8: (512, 128)}
"""Channels of the compressed decoder's way up to half the image's grid, by patch size."""


class UNETR(SegmentationModel):
    """The transformer sees the image's patches; the decoder reads it at several depths, or once.

    Args:
        num_classes: Classes, background counted.
        num_blocks: Transformer blocks.
        decoder: `full` reads as many token maps as there are levels; `compressed` reads the last one only.
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
        decoder: str = "full",
        size: str = "base",
        image_size: int = 224,
        patch_size: int = 16,
        in_channels: int = 1,
    ) -> None:
        super().__init__(image_size, in_channels, stride=patch_size, repeats_grey=True)
        widths = SIZES[size]
        self.transformer = VisionTransformer(
            in_channels=self.network_channels,
            patch_size=patch_size,
            grid_size=(image_size // patch_size, image_size // patch_size),
            width=widths.token_width,
            num_heads=widths.num_heads,
            num_blocks=num_blocks,
            num_taps=len(FULL_WIDTHS[patch_size]) if decoder == "full" else 1,
        )
        build_decoder = FullDecoder if decoder == "full" else CompressedDecoder
        self.decoder = build_decoder(widths, patch_size, self.network_channels)
        self.head = logits_head(widths.channels(64), num_classes)

    def forward(self, images: Images) -> Logits:
        """Logits (batch, classes, rows, columns) of images (batch, channels, rows, columns)."""
        images = self.prepare(images)
        return self.head(self.decoder(images, self.transformer(images)))


class FullDecoder(nn.Module):
    """Every token map is upsampled to the level that it joins; the image itself joins last."""

    def __init__(self, size: Size, patch_size: int, image_channels: int) -> None:
        super().__init__()
        widths = [size.channels(width) for width in FULL_WIDTHS[patch_size]]
        # The shallowest token map joins nearest to the image, so it has the longest way up.
        self.skips = nn.ModuleList(
            up_path(size.token_width, *widths[:steps]) for steps in range(len(widths) - 1, 0, -1)
        )
        self.image = double_conv(image_channels, widths[-1])
        self.path = ExpansivePath(size.token_width, widths)

    def forward(self, images: Images, maps: Sequence[TokenMap]) -> Features:
        """Features on the image's grid from the token maps, shallowest first."""
        *shallow, deepest = maps
        skips = [skip(tokens) for skip, tokens in zip(self.skips, shallow, strict=True)]
        return self.path(deepest, [*reversed(skips), self.image(images)])


class CompressedDecoder(nn.Module):
    """The last token map is upsampled alone to half the grid; then the image joins."""

    def __init__(self, size: Size, patch_size: int, image_channels: int) -> None:
        super().__init__()
        widths = [size.channels(width) for width in COMPRESSED_WIDTHS[patch_size]]
        image_width = size.channels(64)
        self.up = up_path(size.token_width, *widths)
        self.convs = double_conv(widths[-1], widths[-1])
        self.image = double_conv(image_channels, image_width)
        self.path = ExpansivePath(widths[-1], [image_width])

    def forward(self, images: Images, maps: Sequence[TokenMap]) -> Features:
        """Features on the image's grid from the one token map."""
        (deepest,) = maps
        return self.path(self.convs(self.up(deepest)), [self.image(images)])
