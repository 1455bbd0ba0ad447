"""Small files in the forms in which pretrained weights circulate, with values of their own in every tensor."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import timm
import torch
from torch import nn

Shapes = Iterator[tuple[str, tuple[int, ...]]]


def original_npz(path: Path, *, width: int = 192, num_blocks: int = 2, grid: int = 14, hybrid: bool = False) -> Path:
    """A file in the form of `ViT-B_16.npz`, or with `hybrid` of `R50+ViT-B_16.npz`, a quarter as wide in its trunk."""
    shapes = [*_vit_shapes(width, num_blocks, grid, (1, 1, 256) if hybrid else (16, 16, 3))]
    if hybrid:
        shapes += [*_trunk_shapes()]
    random = np.random.default_rng(0)
    np.savez(
        path, allow_pickle=False, **{key: random.normal(0, 0.1, shape).astype(np.float32) for key, shape in shapes}
    )
    return path


def _vit_shapes(width: int, num_blocks: int, grid: int, patch: tuple[int, ...]) -> Shapes:
    heads = (width // 64, 64)
    yield "cls", (1, 1, width)
    yield "embedding/kernel", (*patch, width)
    yield "embedding/bias", (width,)
    yield "Transformer/posembed_input/pos_embedding", (1, grid * grid + 1, width)
    for kind in ("scale", "bias"):
        yield f"Transformer/encoder_norm/{kind}", (width,)
    for index in range(num_blocks):
        block = f"Transformer/encoderblock_{index}"
        for norm in ("LayerNorm_0", "LayerNorm_2"):
            yield f"{block}/{norm}/scale", (width,)
            yield f"{block}/{norm}/bias", (width,)
        for dense, before, after in (("Dense_0", width, 4 * width), ("Dense_1", 4 * width, width)):
            yield f"{block}/MlpBlock_3/{dense}/kernel", (before, after)
            yield f"{block}/MlpBlock_3/{dense}/bias", (after,)
        for part in ("query", "key", "value"):
            yield f"{block}/MultiHeadDotProductAttention_1/{part}/kernel", (width, *heads)
            yield f"{block}/MultiHeadDotProductAttention_1/{part}/bias", heads
        yield f"{block}/MultiHeadDotProductAttention_1/out/kernel", (*heads, width)
        yield f"{block}/MultiHeadDotProductAttention_1/out/bias", (width,)
    yield "head/kernel", (width, 10)
    yield "head/bias", (10,)


def _trunk_shapes() -> Shapes:
    yield "conv_root/kernel", (7, 7, 3, 16)
    yield from _norm_shapes("gn_root", 16)
    before = 16
    for block, count in enumerate((3, 4, 9), start=1):
        after = 64 * 2 ** (block - 1)
        for unit in range(1, count + 1):
            name, middle = f"block{block}/unit{unit}", after // 4
            yield f"{name}/conv1/kernel", (1, 1, before, middle)
            yield f"{name}/conv2/kernel", (3, 3, middle, middle)
            yield f"{name}/conv3/kernel", (1, 1, middle, after)
            for norm, channels in (("gn1", middle), ("gn2", middle), ("gn3", after)):
                yield from _norm_shapes(f"{name}/{norm}", channels)
            if before != after:
                yield f"{name}/conv_proj/kernel", (1, 1, before, after)
                yield from _norm_shapes(f"{name}/gn_proj", after)
            before = after


def _norm_shapes(name: str, channels: int) -> Shapes:
    yield f"{name}/scale", (1, 1, 1, channels)
    yield f"{name}/bias", (1, 1, 1, channels)


def timm_vit(**changes: object) -> nn.Module:
    """A ViT of timm, 192 wide and 2 blocks deep, whose tensors all have values of their own."""
    settings = {"num_classes": 5, "depth": 2, "img_size": 48, **changes}
    model: nn.Module = timm.create_model("vit_tiny_patch16_224", pretrained=False, **settings)
    return randomised(model)


def randomised(model: nn.Module, seed: int = 0) -> nn.Module:
    """The model with random values in every parameter and running statistic."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                value = 0.1 * torch.randn(tensor.shape, generator=generator)
                tensor.copy_(1 + value.abs() if name.endswith("running_var") else value)
    return model.eval()
