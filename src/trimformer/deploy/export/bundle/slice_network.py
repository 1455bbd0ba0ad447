"""A network for slices of any size, which does itself what no transform of MONAI does exactly."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trimformer.data.preparation.slices import resize
from trimformer.data.preprocessing import Preprocessing

NEVER = -1e9
"""A logit that no other is below: pixels that were cropped away are background."""


class SliceNetwork(nn.Module):
    """Standardised slices on their own pixels in, logits on these pixels out.

    What `to_slices` does behind the z-score and `to_native_grid` before the argmax happens in here: the middle pixels
    are cut out, slices are resized and rounded to 16 bits, logits are resized back. MONAI's `Resize` blurs otherwise
    where an image shrinks, and its crops lie one pixel aside where a difference is odd.

    Args:
        model: Takes (slices, channels, image_size, image_size), gives logits of the same rows and columns.
        preprocessing: That of the training scans.
    """

    def __init__(self, model: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.model = model
        self._size = (preprocessing.image_size, preprocessing.image_size)
        self._crop = preprocessing.crop

    def forward(self, images: Tensor) -> Tensor:
        """Logits (slices, classes, rows, columns) of slices (slices, channels, rows, columns).

        Where pixels are cropped, slices that are smaller must have been padded before: with what, a slice cannot know.
        """
        # Shapes carry no annotation here: while a network is traced, sizes are tensors.
        rows, columns = images.shape[2], images.shape[3]
        if self._crop is None:
            return resize(self._logits(images), (rows, columns))
        above, left = (self._crop - rows) // 2, (self._crop - columns) // 2
        below, right = self._crop - rows - above, self._crop - columns - left
        logits = resize(self._logits(F.pad(images, (left, right, above, below))), (self._crop, self._crop))
        back = (-left, -right, -above, -below)
        return torch.cat([F.pad(logits[:, :1], back), F.pad(logits[:, 1:], back, value=NEVER)], dim=1)

    def _logits(self, images: Tensor) -> Tensor:
        logits: Tensor = self.model(resize(images, self._size).half().float())
        return logits
