"""One small network of every family whose attention is recorded, with what its blocks are known to attend to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import torch
from foreign_networks import HEADS, TIMM, WIDTH, EncoderNetwork, Patches
from monai.networks.nets import UNETR, SwinUNETR, ViT
from timm.models.deit import VisionTransformerDistilled
from timm.models.levit import Levit
from timm.models.swin_transformer import SwinTransformer
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from windowed_reference import Size, middles, window_bias

from trimformer.models import create_model


@dataclass(frozen=True)
class Block:
    """One attention: the name it is to get, the module that attends, and where its tokens lie."""

    name: str
    attention: str
    queries: Tensor
    """(windows, queries, axes) in pixels, NaN for tokens that have no place."""
    keys: Tensor
    bias: Callable[[Any], Tensor | None] = lambda _: None
    """What is added to its scores, (windows, heads, queries, keys)."""


@dataclass(frozen=True)
class Family:
    """How to build a network, the images it takes, its attentions in their order, and what is found of it."""

    build: Callable[[], nn.Module]
    shape: tuple[int, ...]
    blocks: Sequence[Block]
    grid: tuple[Size, Size, int] | None = None
    """Grid, patch sizes and tokens in front, where the network is one sequence that can be measured."""
    projections: Sequence[str] = field(default=())
    """W_O of each block, where it can be measured."""


def patches(grid: Size, patch_sizes: Size, prefix: int = 0) -> Tensor:
    """The middle of every patch, row by row, after tokens that stand nowhere."""
    places = [[(i + 0.5) * side for i, side in zip(at, patch_sizes, strict=True)] for at in product(*map(range, grid))]
    return torch.tensor([[[torch.nan] * len(grid)] * prefix + places])


def plain(
    build: Callable[[], nn.Module],
    shape: tuple[int, ...],
    grid: tuple[Size, Size, int],
    path: str,
    parts: tuple[str, str],
    *,
    count: int = 2,
    name: str | None = None,
) -> Family:
    """Equal blocks at a path, each with its attention and its W_O at the same two places inside."""
    places = patches(*grid)
    numbers = range(count)
    blocks = [Block((name or path).format(i), f"{path.format(i)}.{parts[0]}", places, places) for i in numbers]
    return Family(build, shape, blocks, grid, [f"{path.format(i)}.{parts[1]}" for i in numbers])


def ours(model: str) -> Family:
    def build() -> nn.Module:
        return create_model(model, num_classes=2, num_blocks=2, size="tiny", image_size=64, patch_size=16)

    grid = ((4, 4), (16, 16), 0)
    return plain(build, (2, 1, 64, 64), grid, "transformer.blocks.{}", ("attn", "attn.proj"), name="blocks.{}")


def fused(network: nn.Module, on: bool) -> nn.Module:
    for module in network.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = on  # type: ignore[assignment]
    return network


def timm_vit(build: Callable[[], nn.Module], prefix: int, on: bool) -> Family:
    grid = ((4, 4), (8, 8), prefix)
    return plain(lambda: fused(build(), on), (2, 3, 32, 32), grid, "blocks.{}", ("attn", "attn.proj"))


def hugging_face_vit(implementation: str) -> Family:
    def build() -> nn.Module:
        from transformers import ViTConfig, ViTModel

        sizes = {"hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": HEADS, "intermediate_size": 48}
        config = ViTConfig(**sizes, image_size=32, patch_size=8, attn_implementation=implementation)
        network: nn.Module = ViTModel(config, add_pooling_layer=False)
        return network

    return plain(build, (2, 3, 32, 32), ((4, 4), (8, 8), 1), "layers.{}", ("attention", "attention.o_proj"))


def segformer(implementation: str) -> Family:
    """Four stages; the keys of the first are every fourth row and column, those of the second every other."""

    def build() -> nn.Module:
        from transformers import SegformerConfig, SegformerForSemanticSegmentation

        config = SegformerConfig(
            depths=[2, 1, 1, 1],
            hidden_sizes=[8, 12, 16, 24],
            num_attention_heads=[1, 2, 2, 3],
            sr_ratios=[4, 2, 1, 1],
            decoder_hidden_size=16,
            num_labels=3,
            attn_implementation=implementation,
        )
        network: nn.Module = SegformerForSemanticSegmentation(config)
        return network

    blocks = []
    for stage, index, reduction in ((0, 0, 4), (0, 1, 4), (1, 0, 2), (2, 0, 1), (3, 0, 1)):
        size, patch = 16 // 2**stage, 4 * 2**stage
        name = f"segformer.stages.{stage}.blocks.{index}"
        queries = patches((size, size), (patch, patch))
        keys = patches((size // reduction,) * 2, (patch * reduction,) * 2)
        blocks.append(Block(name, f"{name}.attention", queries, keys))
    return Family(build, (2, 3, 64, 64), blocks)


MONAI: dict[str, Any] = {"hidden_size": WIDTH, "mlp_dim": 48, "num_heads": HEADS}


def monai_vit(size: Size, patch_sizes: Size, flash: bool = False, **options: Any) -> Family:
    def build() -> nn.Module:
        network: nn.Module = ViT(1, size, patch_sizes, **MONAI, num_layers=2, spatial_dims=len(size), **options)
        modules: list[Any] = list(network.modules())
        for module in modules:
            if hasattr(module, "use_flash_attention"):
                module.use_flash_attention = flash
        return network

    grid = tuple(pixels // patch for pixels, patch in zip(size, patch_sizes, strict=True))
    prefix = int(options.get("classification", False))
    return plain(
        build,
        (2, 1, *size),
        (grid, patch_sizes, prefix),
        "blocks.{}",
        ("attn", "attn.out_proj"),
    )


def monai_unetr(size: Size) -> Family:
    grid = tuple(pixels // 16 for pixels in size)
    return plain(
        lambda: UNETR(1, 2, size, feature_size=4, **MONAI, spatial_dims=len(size)),
        (1, 1, *size),
        (grid, (16,) * len(size), 0),
        "vit.blocks.{}",
        ("attn", "attn.out_proj"),
        count=12,
    )


class Attends(nn.Module):
    """A block made of `nn.MultiheadAttention`."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)

    def forward(self, tokens: Tensor) -> Tensor:
        mixed, _ = self.attention(tokens, tokens, tokens, need_weights=False)
        return torch.add(tokens, mixed)


def multi_head() -> Family:
    return plain(
        lambda: nn.Sequential(Patches(), nn.Sequential(Attends(), Attends())),
        (2, 3, 32, 32),
        ((4, 4), (8, 8), 0),
        "1.{}",
        ("attention", "attention.out_proj"),
    )


def encoder(batch_first: bool) -> Family:
    grid, parts = ((4, 4), (8, 8), 0), ("self_attn", "self_attn.out_proj")
    return plain(lambda: EncoderNetwork(batch_first, batch_first), (2, 3, 32, 32), grid, "encoder.layers.{}", parts)


def windowed(name: str, grid: Size, window: int, shift: int, patch: int) -> Block:
    windows = (window,) * len(grid), (shift,) * len(grid)
    places = middles(grid, *windows, patch)
    return Block(name, f"{name}.attn", places, places, lambda attention: window_bias(attention, grid, *windows))


def timm_swin(on: bool) -> Family:
    sizes: dict[str, Any] = {"embed_dim": 12, "depths": (2, 1), "num_heads": (2, 3), "window_size": 4}
    blocks = [
        windowed("layers.0.blocks.0", (16, 16), 4, 0, 4),
        windowed("layers.0.blocks.1", (16, 16), 4, 2, 4),
        windowed("layers.1.blocks.0", (8, 8), 4, 0, 8),
    ]
    return Family(
        lambda: fused(SwinTransformer(img_size=64, patch_size=4, num_classes=3, **sizes), on), (2, 3, 64, 64), blocks
    )


def monai_swin(size: Size, window: int) -> Family:
    """Tokens of 2, 4, 8 and 16 pixels; the second block has its windows shifted; the last windows are not full."""
    sizes: dict[str, Any] = {"depths": (2, 1, 1, 1), "num_heads": (2, 2, 2, 2), "feature_size": 12}
    blocks = [
        windowed(
            f"swinViT.layers{stage}.0.blocks.{index}",
            *(tuple(pixels // 2**stage for pixels in size), window, window // 2 * index, 2**stage),
        )
        for stage, index in ((1, 0), (1, 1), (2, 0), (3, 0), (4, 0))
    ]
    return Family(lambda: SwinUNETR(1, 2, window_size=window, spatial_dims=len(size), **sizes), (1, 1, *size), blocks)


def levit(use_conv: bool) -> Family:
    """49 tokens of 16 pixels, and after its downsampling 16 of every other row and column."""
    sizes: dict[str, Any] = {"embed_dim": (16, 24), "key_dim": 8, "depth": (1, 1), "num_heads": (2, 3)}
    every, kept = range(7), range(0, 7, 2)

    def block(name: str, attention: str, queries: range, keys: range, side: int) -> Block:
        rows, columns = (torch.cartesian_prod(*[torch.tensor(list(at))] * 2) for at in (queries, keys))
        apart = (rows[:, None] - columns[None]).abs() // keys.step
        number = apart[..., 0] * side + apart[..., 1]
        return Block(
            name,
            attention,
            rows[None] * 16 + 8.0,
            columns[None] * 16 + 8.0,
            lambda module: module.attention_biases.detach().double()[None, :, number],
        )

    blocks = [
        block("stages.0.blocks.0", "stages.0.blocks.0.attn", every, every, 7),
        block("stages.1.downsample", "stages.1.downsample.attn_downsample", kept, every, 7),
        block("stages.1.blocks.0", "stages.1.blocks.0.attn", kept, kept, 4),
    ]
    return Family(lambda: Levit(img_size=112, use_conv=use_conv, **sizes), (2, 3, 112, 112), blocks)


REGISTERS: dict[str, Any] = {"init_values": 0.5, "reg_tokens": 4, "no_embed_class": True}

FAMILIES: dict[str, Family] = {
    **{f"ours, {name}": ours(name) for name in ("unetr", "cats", "transunet")},
    **{
        f"timm {name}, {'fused' if on else 'written out'}": timm_vit(build, prefix, on)
        for on in (True, False)
        for name, (build, prefix) in {
            "ViT": (lambda: VisionTransformer(**TIMM), 1),
            "DeiT": (lambda: VisionTransformerDistilled(**TIMM), 2),
            "DINO with registers": (lambda: VisionTransformer(**TIMM, **REGISTERS), 5),
        }.items()
    },
    **{f"Hugging Face ViT, {how}": hugging_face_vit(how) for how in ("sdpa", "eager")},
    **{f"Hugging Face SegFormer, {how}": segformer(how) for how in ("sdpa", "eager")},
    "MONAI ViT": monai_vit((32, 16), (8, 8), classification=True),
    "MONAI ViT, oblong patches": monai_vit((32, 16), (8, 4)),
    "MONAI ViT, flash": monai_vit((32, 16), (8, 8), flash=True),
    "MONAI ViT, perceptron, 3D": monai_vit((32, 16, 8), (8, 8, 4), proj_type="perceptron"),
    "MONAI UNETR": monai_unetr((32, 32)),
    "MONAI UNETR, 3D": monai_unetr((32, 32, 16)),
    "nn.MultiheadAttention": multi_head(),
    "nn.TransformerEncoder": encoder(True),
    "nn.TransformerEncoder, tokens first": encoder(False),
    "timm Swin, fused": timm_swin(True),
    "timm Swin, written out": timm_swin(False),
    "MONAI SwinUNETR": monai_swin((64, 64), 3),
    "MONAI SwinUNETR, 3D": monai_swin((64, 32, 32), 2),
    "timm LeViT": levit(False),
    "timm LeViT, convolutions": levit(True),
}
SHARPENED = ("qkv", "in_proj_weight", "q_proj.weight", "k_proj.weight", "position_bias", "attention_biases", "gamma")


def built(name: str) -> tuple[nn.Module, Tensor]:
    """A network in evaluation mode, its attention sharper than at random, and images for it."""
    torch.manual_seed(0)
    network = FAMILIES[name].build().eval()
    with torch.no_grad():
        for key, parameter in network.named_parameters():
            if any(part in key for part in SHARPENED):
                parameter.copy_(0.3 * torch.randn_like(parameter))
    return network, torch.randn(*FAMILIES[name].shape)
