"""A network of one's own in an experiment: a ViT of timm, and a decoder of a few lines on its last tokens.

Run `trimformer train own-network.toml` in this folder; modules of the current folder and installed ones are found. The
factory takes whichever of num_classes, in_channels, image_size and num_blocks it names, and whatever
`[model.options]` gives.
"""

import timm
from torch import Tensor, nn


def vit_segmenter(
    num_classes: int, in_channels: int, image_size: int, num_blocks: int = 4, width: int = 96
) -> nn.Module:
    """Images (batch, in_channels, image_size, image_size) to logits (batch, num_classes, image_size, image_size)."""
    return ViTSegmenter(num_classes, in_channels, image_size, num_blocks, width)


class ViTSegmenter(nn.Module):
    """Tokens of 8 x 8 pixels, upsampled three times beside nothing else: simple, and all attention."""

    def __init__(self, num_classes: int, in_channels: int, image_size: int, num_blocks: int, width: int) -> None:
        super().__init__()
        self.encoder = timm.create_model(
            "vit_tiny_patch16_224",
            img_size=image_size,
            patch_size=8,
            in_chans=in_channels,
            depth=num_blocks,
            embed_dim=width,
            num_classes=0,
        )
        self.decoder = nn.Sequential(
            *(self._doubling(before, after) for before, after in ((width, 64), (64, 32), (32, 16))),
            nn.Conv2d(16, num_classes, kernel_size=1),
        )

    @staticmethod
    def _doubling(before: int, after: int) -> nn.Sequential:
        return nn.Sequential(nn.ConvTranspose2d(before, after, 2, stride=2), nn.BatchNorm2d(after), nn.ReLU())

    def forward(self, images: Tensor) -> Tensor:
        """The class token is dropped; the others go back to their places."""
        tokens = self.encoder.forward_features(images)[:, self.encoder.num_prefix_tokens :]
        rows, columns = self.encoder.patch_embed.grid_size
        return self.decoder(tokens.transpose(1, 2).unflatten(2, (rows, columns)))
