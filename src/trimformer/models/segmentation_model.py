"""What all models of the catalogue have in common: what they take, and what they say about themselves."""

from typing import TYPE_CHECKING, Any

from jaxtyping import Float
from torch import Tensor, nn

from trimformer.models.vit import VisionTransformer
from trimformer.records.errors import UserError

if TYPE_CHECKING:
    from trimformer.models.weights.report import WeightsReport

Images = Float[Tensor, "batch channels rows columns"]
Logits = Float[Tensor, "batch classes rows columns"]


class SegmentationModel(nn.Module):
    """Slices in, one logit a class and pixel out, on the same grid.

    Args:
        image_size: Rows = columns of the slices, in pixels.
        in_channels: Channels of the slices that the model is meant for.
        stride: Pixels, in rows and columns, that become one position at the model's coarsest grid.
        repeats_grey: Whether a model for slices of 1 or 3 channels is a network of 3 channels that takes either, a grey
            slice repeated. Else, and for any other number, network and slices have exactly `in_channels`.

    Attributes:
        network_channels: Channels of the images that the first convolutions see.
        transformer: The blocks with their taps; hybrids only.
        settings: The keyword arguments of `create_model` that build the same network again; `create_model` sets them.
        weights_report: Where the first weights came from; `create_model` sets it.

    Raises:
        UserError: `stride` does not divide the image size.
    """

    transformer: VisionTransformer
    settings: dict[str, Any]
    weights_report: "WeightsReport"

    def __init__(self, image_size: int, in_channels: int, stride: int, *, repeats_grey: bool) -> None:
        super().__init__()
        if image_size < stride or image_size % stride:
            nearest = max(round(image_size / stride), 1) * stride
            raise UserError(
                f"The image size must be a multiple of {stride}", image_size, f"The nearest valid size is {nearest}."
            )
        self.image_size = image_size
        self.in_channels = in_channels
        takes_either = repeats_grey and in_channels in (1, 3)
        self.network_channels = 3 if takes_either else in_channels
        self._allowed_channels = (1, 3) if takes_either else (in_channels,)

    def prepare(self, images: Images) -> Float[Tensor, "batch network_channels rows columns"]:
        """The images with as many channels as the network takes; a grey image is repeated where the model does so.

        Raises:
            UserError: The images have another size, or channels that the model does not take.
        """
        square = (self.image_size, self.image_size)
        if images.ndim != 4 or images.shape[1] not in self._allowed_channels or images.shape[2:] != square:
            counts = " or ".join(str(count) for count in self._allowed_channels)
            raise UserError(
                f"The model takes images (batch, {counts}, {self.image_size}, {self.image_size})",
                tuple(images.shape),
                "Change the images, or create the model with their image_size and in_channels.",
            )
        return images.expand(-1, self.network_channels, -1, -1)
