"""Attention written out as products and a softmax, where that trains faster than torch's fused kernel."""

from math import prod

import torch
from timm.layers import Attention
from torch import nn

from trimformer.models.vit import VisionTransformer

MOST_TOKENS = 400
"""Of a slice: written out, the attention of every head and block is kept for the way back."""


def write_out_attention(model: nn.Module, device: torch.device, precision: str) -> None:
    """Choose how our transformers attend while they train; weights and their names stay as they are.

    On a CPU the fused kernel is slow backwards in bfloat16 (docs/training.md), so there attention is written out. In
    float32, and on other devices, the fused one is kept.

    Args:
        model: A network that is about to be trained; one without a transformer of ours stays as it is.
        device: Where it trains.
        precision: Lightning's name of the number format.
    """
    if device.type != "cpu" or precision != "bf16-mixed":
        return
    for module in model.modules():
        if isinstance(module, VisionTransformer) and prod(module.grid_size) <= MOST_TOKENS:
            for attention in module.modules():
                if isinstance(attention, Attention):
                    attention.fused_attn = False
