"""What all models of the catalogue have in common: what they take, and what they say about themselves."""

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from trimformer.models.vit import VisionTransformer
from trimformer.records.errors import UserError

Images = Float[Tensor, "batch channels rows columns"]
Logits = Float[Tensor, "batch classes rows columns"]


class SegmentationModel(nn.Module):
    """Slices in, one logit a class and pixel out, on the same grid.

    Args:
        image_size: Rows = columns of the slices, in pixels.
        in_channels: Channels of the slices that the model is meant for.
        stride: Pixels, in rows and columns, that become one position at the model's coarsest grid.

    Attributes:
        transformer: The blocks with their taps; hybrids only.
        settings: The keyword arguments of `create_model` that build the same network again; `create_model` sets them.

    Raises:
        UserError: `stride` does not divide the image size.
    """

    transformer: VisionTransformer
    settings: dict[str, Any]

    def __init__(self, image_size: int, in_channels: int, stride: int) -> None:
        super().__init__()
        if image_size < stride or image_size % stride:
            nearest = max(round(image_size / stride), 1) * stride
            raise UserError(
                f"The image size must be a multiple of {stride}", image_size, f"The nearest valid size is {nearest}."
            )
        self.image_size = image_size
        self.in_channels = in_channels

    def prepare(self, images: Images, channels: int) -> Float[Tensor, "batch network_channels rows columns"]:
        """The images with as many channels as the network takes; a grey image is repeated.

        Raises:
            UserError: The images have another size, or neither one channel nor `channels`.
        """
        allowed = sorted({1, channels})
        square = (self.image_size, self.image_size)
        if images.ndim != 4 or images.shape[1] not in allowed or images.shape[2:] != square:
            counts = " or ".join(str(count) for count in allowed)
            raise UserError(
                f"The model takes images (batch, {counts}, {self.image_size}, {self.image_size})",
                tuple(images.shape),
                "Change the images, or create the model with their image_size and in_channels.",
            )
        return images.expand(-1, channels, -1, -1)
