"""The control beside the hybrids: a plain network that has no transformer at all."""

from monai.networks.nets import UNet

from trimformer.models.segmentation_model import Images, Logits, SegmentationModel
from trimformer.models.sizes import SIZES

BASE_CHANNELS = (32, 64, 128, 256, 512)


class PlainUNet(SegmentationModel):
    """MONAI's residual U-Net in two dimensions (Kerfoot et al. 2019): five levels, two convolutions a unit.

    It has 6.5, 1.6 or 0.4 million parameters by size.

    Args:
        num_classes: Classes, background counted.
        size: `base`, `small` or `tiny`.
        image_size: Rows = columns of the slices, in pixels; a multiple of 16, since the grid is halved four times.
        in_channels: Channels of the slices: 1 or 3.

    Raises:
        UserError: The image size is no multiple of 16.
    """

    def __init__(self, *, num_classes: int, size: str = "base", image_size: int = 224, in_channels: int = 1) -> None:
        super().__init__(image_size, in_channels, stride=16, repeats_grey=False)
        self.network = UNet(
            spatial_dims=2,
            in_channels=in_channels,
            out_channels=num_classes,
            channels=[SIZES[size].channels(width) for width in BASE_CHANNELS],
            strides=(2, 2, 2, 2),
            num_res_units=2,
        )

    def forward(self, images: Images) -> Logits:
        """Logits (batch, classes, rows, columns) of images (batch, in_channels, rows, columns)."""
        return self.network(self.prepare(images))
