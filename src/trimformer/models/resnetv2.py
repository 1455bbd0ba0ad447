"""The ResNetV2 of the original ViT hybrid: TransUNet's trunk."""

from functools import partial

import torch.nn.functional as F
from timm.layers import StdConv2d
from torch import nn

from trimformer.models.layers import Features
from trimformer.models.sizes import Size

standardised_conv = partial(StdConv2d, bias=False, eps=1e-5)
"""A convolution whose weights have mean 0 and (biased) variance 1 in every filter (Qiao et al. 2019)."""


class Bottleneck(nn.Module):
    """Residual unit of 1x1, 3x3 and 1x1 standardised convolutions; a stride sits on the 3x3.

    Args:
        in_channels: Channels that come in.
        out_channels: Channels that go out; the middle has a quarter.
        stride: 2 halves rows and columns.
        num_groups: Groups of the group normalisations.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, num_groups: int) -> None:
        super().__init__()
        middle = out_channels // 4
        self.conv1 = standardised_conv(in_channels, middle, 1)
        self.norm1 = nn.GroupNorm(num_groups, middle, eps=1e-6)
        self.conv2 = standardised_conv(middle, middle, 3, stride=stride)
        self.norm2 = nn.GroupNorm(num_groups, middle, eps=1e-6)
        self.conv3 = standardised_conv(middle, out_channels, 1)
        self.norm3 = nn.GroupNorm(num_groups, out_channels, eps=1e-6)
        self.project: nn.Module = nn.Identity()
        if in_channels != out_channels:
            # One group a channel, with torch's own eps: so it is in the original.
            norm = nn.GroupNorm(out_channels, out_channels)
            self.project = nn.Sequential(standardised_conv(in_channels, out_channels, 1, stride=stride), norm)

    def forward(self, features: Features) -> Features:
        """Three convolutions, added to what came in (projected where the width changes)."""
        inner = F.relu(self.norm1(self.conv1(features)))
        inner = F.relu(self.norm2(self.conv2(inner)))
        return F.relu(self.project(features) + self.norm3(self.conv3(inner)))


class ResNetV2Trunk(nn.Module):
    """TransUNet's trunk: a root at stride 2, then stages of bottleneck units at strides 4, 8 and 16.

    Narrower sizes divide the widths and the groups alike, so that a group has as many channels as at base.

    Args:
        units: Bottleneck units of each stage.
        size: Width of the model.
        in_channels: Channels of the images.

    Attributes:
        skip_widths: Channels of the skips, deepest first.
        out_channels: Channels of the deepest features.
    """

    def __init__(self, units: tuple[int, ...], size: Size, in_channels: int = 3) -> None:
        super().__init__()
        num_groups = size.channels(32)
        root_width = size.channels(64)
        widths = [size.channels(256 * 2**stage) for stage in range(len(units))]
        self.root = nn.Sequential(
            standardised_conv(in_channels, root_width, 7, stride=2),
            nn.GroupNorm(num_groups, root_width, eps=1e-6),
            nn.ReLU(),
        )
        # Without padding: 112 rows become 55, not 56.
        self.pool = nn.MaxPool2d(kernel_size=3, stride=2)
        self.stages = nn.ModuleList(
            _stage(before, after, count, stride=1 if stage == 0 else 2, num_groups=num_groups)
            for stage, (before, after, count) in enumerate(zip([root_width, *widths], widths, units, strict=False))
        )
        self.skip_widths = [*reversed(widths[:-1]), root_width]
        self.out_channels = widths[-1]

    def forward(self, images: Features) -> tuple[Features, list[Features]]:
        """The deepest features, and the skips at strides 8, 4 and 2 (or 4 and 2), deepest first."""
        root = self.root(images)
        first, *deeper = self.stages
        features = first(self.pool(root))
        # Stage 1 runs on the odd grid that the pooling left; its skip alone is brought to half the root's grid.
        missing_rows, missing_columns = (root.shape[i] // 2 - features.shape[i] for i in (2, 3))
        skips = [root, F.pad(features, (0, missing_columns, 0, missing_rows))]
        for stage in deeper:
            features = stage(features)
            skips.append(features)
        return features, skips[-2::-1]


def _stage(in_channels: int, out_channels: int, num_units: int, *, stride: int, num_groups: int) -> nn.Sequential:
    first = Bottleneck(in_channels, out_channels, stride, num_groups)
    others = [Bottleneck(out_channels, out_channels, 1, num_groups) for _ in range(num_units - 1)]
    return nn.Sequential(first, *others)
