"""A network whose every weight is known, so that it can be told what a measure should say of it.

The task: a square at the lower right is "lit" when the lamp at the upper left is on, and "unlit" when it is off. The
square looks the same both times, so nothing near it can tell. Blocks 1 and 2 each write the mean of all patches into
every token, and either of them is enough. Block 3 attends as they do, has no use for it, and adds a constant that the
decoder takes away again.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trimformer.data.preparation.native_grid import NativeGrid
from trimformer.data.preparation.slices import PatientSlices
from trimformer.data.preprocessing import Preprocessing

SIDE, PATCH, SPACING_MM = 64, 8, 2.0
LABELS = {1: "lit", 2: "unlit"}
LAMP, SQUARE = slice(8, 24), slice(40, 56)
"""Rows and columns of both, in pixels: 2 x 2 patches each, 68 mm apart where they are nearest."""

BRIGHTNESS, LIGHT, ONE, WIDTH = 0, 1, 2, 3
"""What the entries of a token mean: the mean of its pixels, the light it has heard of, and 1."""

CONSTANT = 2.0
"""Added to the light by block 3."""

DARK = 0.8
"""A square is lit from this much light on."""


class LampBlock(nn.Module):
    """Uniform attention whose values are the patches' brightness, written into their light; and a constant."""

    def __init__(self, gain: float, constant: float = 0.0) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        for parameter in self.parameters():
            nn.init.zeros_(parameter)  # queries and keys are 0: all scores are equal
        with torch.no_grad():
            self.qkv.weight[2 * WIDTH + BRIGHTNESS, BRIGHTNESS] = 1.0
            self.proj.weight[LIGHT, BRIGHTNESS] = gain
            self.proj.bias[LIGHT] = constant

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (batch, tokens, width) to the same."""
        query, key, value = self.qkv(tokens).unflatten(-1, (3, 1, WIDTH)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)
        written: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return tokens + written


class LampNetwork(nn.Module):
    """Images (batch, 1, 64, 64) to logits of background, lit and unlit."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, WIDTH, PATCH, stride=PATCH)
        self.blocks = nn.ModuleList([LampBlock(gain=8.0), LampBlock(gain=8.0), LampBlock(0.0, CONSTANT)])
        weight, bias = self.patches.parameters()
        with torch.no_grad():
            weight.zero_()[BRIGHTNESS] = 1 / PATCH**2
            bias.zero_()[ONE] = 1.0

    def forward(self, images: Tensor) -> Tensor:
        """The square is found in the pixels themselves; only whether it is lit comes from the tokens."""
        features = self.patches(images.relu())
        tokens = features.flatten(2).mT
        for block in self.blocks:
            tokens = block(tokens)
        light = tokens.mT.unflatten(2, features.shape[2:])[:, LIGHT : LIGHT + 1] - CONSTANT - DARK
        light = F.interpolate(light, scale_factor=PATCH)
        square = -100 * images - 50  # above 0 on the square, whose pixels are near -1
        return torch.cat([torch.zeros_like(square), square + light, square - light], dim=1)


def lamp_slices(count: int = 8, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Images (count, 1, 64, 64) with some noise, and labels (count, 64, 64); the lamp is on in every other one."""
    random = torch.Generator().manual_seed(seed)
    images = 0.05 * torch.randn(count, 1, SIDE, SIDE, generator=random)
    labels = torch.zeros(count, SIDE, SIDE, dtype=torch.uint8)
    images[:, :, SQUARE, SQUARE] -= 1.0
    images[::2, :, LAMP, LAMP] += 2.0
    labels[::2, SQUARE, SQUARE], labels[1::2, SQUARE, SQUARE] = 1, 2
    return images, labels


def lamp_patient(seed: int = 0) -> PatientSlices:
    """The same slices as a patient of a dataset would be."""
    images, labels = lamp_slices(seed=seed)
    affine = np.diag([SPACING_MM, SPACING_MM, SPACING_MM, 1.0])
    grid = NativeGrid.of((SIDE, SIDE, len(images)), affine, Preprocessing(SIDE))
    return PatientSlices(f"lamp {seed}", images.numpy(), labels.numpy(), grid, (SPACING_MM, SPACING_MM))
