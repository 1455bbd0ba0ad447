"""CATS in two dimensions (Li et al. 2022): a CNN trunk beside the transformer, added level by level."""

from collections.abc import Sequence

from torch import nn

from trimformer.models.layers import ExpansivePath, Features, double_conv, logits_head, up_path
from trimformer.models.segmentation_model import Images, Logits, SegmentationModel
from trimformer.models.sizes import SIZES, Size
from trimformer.models.trunks import TimmTrunk
from trimformer.models.vit import TokenMap, VisionTransformer

STRIDES = {16: (2, 4, 8, 16), 8: (2, 4, 8)}
"""Trunk levels by patch size. The deepest has the grid of the tokens."""

WIDTHS_WITHOUT_TRUNK = {2: 64, 4: 128, 8: 256}
"""Base channels of a level, by stride, where the trunk has no features and the transformer's tap stands alone."""


class CATS(SegmentationModel):
    """Trunk and transformer both see the image; at every level their features are added.

    Args:
        num_classes: Classes, background counted.
        num_blocks: Transformer blocks.
        decoder: `full` adds trunk and transformer at every level; `compressed` at the deepest only.
        size: `base`, `small` or `tiny`.
        image_size: Rows = columns of the slices, in pixels; a multiple of the patch size.
        patch_size: 16, or 8 with one level less.
        in_channels: Channels of the slices: 1 or 3 alike, or another number.
        trunk: A network of timm with features of the stride of the patches. A shallower level that it lacks is the
            transformer's tap alone, 64, 128 or 256 channels wide at strides 2, 4 and 8 (at base size).

    Raises:
        UserError: The patch size does not divide the image size, or timm cannot make the trunk.
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
        trunk: str = "resnet50",
    ) -> None:
        super().__init__(image_size, in_channels, stride=patch_size, repeats_grey=True)
        widths = SIZES[size]
        strides = STRIDES[patch_size]
        # The compressed decoder reads the deepest level alone: the others are then not kept in memory.
        levels = strides if decoder == "full" else strides[-1:]
        self.trunk = TimmTrunk(trunk, levels, widths, image_size, self.network_channels)
        self.transformer = VisionTransformer(
            in_channels=self.network_channels,
            patch_size=patch_size,
            grid_size=(image_size // patch_size, image_size // patch_size),
            width=widths.token_width,
            num_heads=widths.num_heads,
            num_blocks=num_blocks,
            num_taps=len(levels),
        )
        level_widths = [
            widths.channels(WIDTHS_WITHOUT_TRUNK[stride]) if width is None else width
            for stride, width in zip(levels, self.trunk.widths, strict=True)
        ]
        self.decoder = (
            FullDecoder(widths, level_widths, self.network_channels)
            if decoder == "full"
            else CompressedDecoder(widths, level_widths[0], len(strides), self.network_channels)
        )
        self.head = logits_head(widths.channels(64), num_classes)

    def forward(self, images: Images) -> Logits:
        """Logits (batch, classes, rows, columns) of images (batch, channels, rows, columns)."""
        images = self.prepare(images)
        return self.head(self.decoder(images, self.trunk(images), self.transformer(images)))


class FullDecoder(nn.Module):
    """Each token map is brought to its level's grid and width and added to what features the trunk has there."""

    def __init__(self, size: Size, level_widths: Sequence[int], image_channels: int) -> None:
        super().__init__()
        *upper_widths, deepest_width = level_widths
        on_the_way = (size.channels(512), size.channels(256))
        steps_between = range(len(upper_widths) - 1, -1, -1)
        self.to_level = nn.ModuleList(
            up_path(size.token_width, *on_the_way[:steps], width)
            for steps, width in zip(steps_between, upper_widths, strict=True)
        )
        self.to_level.append(double_conv(size.token_width, deepest_width))
        image_width = size.channels(64)
        self.image = double_conv(image_channels, image_width)
        self.path = ExpansivePath(deepest_width, [*reversed(upper_widths), image_width])

    def forward(self, images: Images, features: Sequence[Features | None], maps: Sequence[TokenMap]) -> Features:
        """Features on the image's grid from trunk features, finest first, and token maps, shallowest first."""
        fused = [
            to_level(tokens) if trunk is None else to_level(tokens) + trunk
            for to_level, tokens, trunk in zip(self.to_level, maps, features, strict=True)
        ]
        *skips, deepest = fused
        return self.path(deepest, [*reversed(skips), self.image(images)])


class CompressedDecoder(nn.Module):
    """The last token map and the trunk's deepest features are added and upsampled alone; then the image joins."""

    def __init__(self, size: Size, trunk_width: int, num_levels: int, image_channels: int) -> None:
        super().__init__()
        on_the_way = (size.channels(512), size.channels(256))[: num_levels - 2]
        image_width = size.channels(64)
        self.to_level = double_conv(size.token_width, trunk_width)
        self.up = up_path(trunk_width, *on_the_way, image_width)
        self.convs = double_conv(image_width, size.channels(128))
        self.image = double_conv(image_channels, image_width)
        self.path = ExpansivePath(size.channels(128), [image_width])

    def forward(self, images: Images, features: Sequence[Features], maps: Sequence[TokenMap]) -> Features:
        """Features on the image's grid from the one level of trunk features and tokens."""
        (trunk,), (tokens,) = features, maps
        return self.path(self.convs(self.up(self.to_level(tokens) + trunk)), [self.image(images)])
