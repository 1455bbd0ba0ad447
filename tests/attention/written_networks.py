"""Networks that write their attention out, as Hugging Face's eager modules, MONAI and timm without fusion do."""

from collections.abc import Callable
from typing import Any

import torch
from foreign_networks import HEADS, TIMM, WIDTH, Patches
from monai.networks.nets import UNETR, ViT
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F


class EagerAttention(nn.Module):
    """The form of Hugging Face's eager attention; `reduction` as in SegFormer makes the keys fewer."""

    def __init__(self, reduction: int = 1) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.reduction = reduction
        self.reduce = nn.Conv2d(WIDTH, WIDTH, reduction, stride=reduction) if reduction > 1 else nn.Identity()

    def keys_from(self, tokens: Tensor) -> Tensor:
        if self.reduction == 1:
            return tokens
        plane = tokens.permute(0, 2, 1).reshape(len(tokens), WIDTH, 4, 4)
        reduced: Tensor = self.reduce(plane).reshape(len(tokens), WIDTH, -1).permute(0, 2, 1)
        return reduced

    def forward(self, tokens: Tensor) -> Tensor:
        sources = (tokens, self.keys_from(tokens), self.keys_from(tokens))
        query, key, value = (
            layer(source).view(len(tokens), -1, HEADS, WIDTH // HEADS).transpose(1, 2)
            for layer, source in zip((self.query, self.key, self.value), sources, strict=True)
        )
        weights = torch.matmul(query, key.transpose(2, 3)) * (WIDTH // HEADS) ** -0.5
        weights = F.softmax(weights, dim=-1, dtype=torch.float32).to(query.dtype)
        weights = F.dropout(weights, p=0.1, training=self.training)
        return torch.matmul(weights, value).transpose(1, 2).contiguous().reshape(tokens.shape)


class EagerLayer(nn.Module):
    def __init__(self, reduction: int = 1) -> None:
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(WIDTH), EagerAttention(reduction)
        self.output = nn.Linear(WIDTH, WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        return torch.add(self.output(self.attention(self.norm(tokens))), tokens)


class EagerNetwork(nn.Module):
    def __init__(self, reduction: int = 1) -> None:
        super().__init__()
        self.patches = Patches()
        self.layer = nn.ModuleList(EagerLayer(reduction) for _ in range(2))

    def forward(self, images: Tensor) -> Tensor:
        tokens: Tensor = self.patches(images)
        for layer in self.layer:
            tokens = layer(tokens)
        return tokens


def unfused() -> nn.Module:
    network = VisionTransformer(**TIMM)
    for module in network.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = False  # type: ignore[assignment]
    return network


MONAI: dict[str, Any] = {"hidden_size": WIDTH, "mlp_dim": 48, "num_heads": HEADS}

WRITTEN: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], str, int, tuple[int, ...], tuple[int, ...]]] = {
    "timm ViT": (unfused, (2, 3, 32, 32), "blocks.{}", 1, (4, 4), (8, 8)),
    "eager": (EagerNetwork, (2, 3, 32, 32), "layer.{}", 0, (4, 4), (8, 8)),
    "MONAI ViT": (
        lambda: ViT(1, (32, 16), (8, 8), **MONAI, num_layers=2, spatial_dims=2, classification=True),
        *((2, 1, 32, 16), "blocks.{}", 1, (4, 2), (8, 8)),
    ),
    "MONAI ViT, perceptron, 3D": (
        lambda: ViT(1, (32, 16, 8), (8, 8, 4), **MONAI, num_layers=2, proj_type="perceptron"),
        *((2, 1, 32, 16, 8), "blocks.{}", 0, (4, 2, 2), (8, 8, 4)),
    ),
    "MONAI UNETR": (
        lambda: UNETR(1, 2, (32, 32), feature_size=4, **MONAI, spatial_dims=2),
        *((2, 1, 32, 32), "vit.blocks.{}", 0, (2, 2), (16, 16)),
    ),
    "MONAI UNETR, 3D": (
        lambda: UNETR(1, 2, (32, 32, 16), feature_size=4, **MONAI),
        *((1, 1, 32, 32, 16), "vit.blocks.{}", 0, (2, 2, 1), (16, 16, 16)),
    ),
}
"""How to build each, its images, its blocks' names, tokens in front, the grid of its patches, and their size."""


def written(name: str) -> tuple[nn.Module, Tensor]:
    """One of them in evaluation mode, its attention sharper than at random, and images for it."""
    torch.manual_seed(0)
    make, shape, *_ = WRITTEN[name]
    network = make().eval()
    with torch.no_grad():
        for key, parameter in network.named_parameters():
            if any(part in key for part in ("qkv.weight", "query.weight", "key.weight")):
                parameter.copy_(0.4 * torch.randn_like(parameter))
    return network, torch.randn(*shape)


def reference(network: nn.Module, images: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Scores and values of each block in float64, from the block's input and weights alone."""
    seen: list[tuple[Any, Tensor]] = []
    handles = [
        module.register_forward_pre_hook(lambda module, args: seen.append((module, args[0].detach().double())))
        for module in network.modules()
        if isinstance(module, EagerAttention) or hasattr(module, "qkv")
    ]
    with torch.no_grad():
        network(images)
        for handle in handles:
            handle.remove()
        return [_scores_and_values(module, tokens) for module, tokens in seen]


def _scores_and_values(module: Any, tokens: Tensor) -> tuple[Tensor, Tensor]:
    if isinstance(module, EagerAttention):
        layers = [module.query, module.key, module.value]
        weights = [layer.weight.double() for layer in layers]
        biases = [layer.bias.double() for layer in layers]
        module.double()
        sources = [tokens, module.keys_from(tokens), module.keys_from(tokens)]
        module.float()
    else:
        weights = list(module.qkv.weight.double().chunk(3))
        biases = [torch.zeros(())] * 3 if module.qkv.bias is None else list(module.qkv.bias.double().chunk(3))
        sources = [tokens] * 3
    query, key, value = (
        (source @ weight.T + bias).unflatten(-1, (HEADS, -1)).transpose(1, 2)
        for source, weight, bias in zip(sources, weights, biases, strict=True)
    )
    return query @ key.transpose(-2, -1) / (WIDTH // HEADS) ** 0.5, value
