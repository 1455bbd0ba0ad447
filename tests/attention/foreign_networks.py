"""Small networks of other people's making: 32 x 32 pixels, patches of 8, three heads, two blocks."""

from collections.abc import Callable
from typing import Any

import torch
from timm.models.deit import VisionTransformerDistilled
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from trimformer.models import SegmentationModel

WIDTH, HEADS = 24, 3
IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
TIMM: dict[str, Any] = {"img_size": 32, "patch_size": 8, "embed_dim": WIDTH, "depth": 2, "num_heads": HEADS}


class Patches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, WIDTH, 8, stride=8)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.proj(images)
        return features.flatten(2).transpose(1, 2)


class EncoderNetwork(nn.Module):
    def __init__(self, batch_first: bool, norm_first: bool) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            WIDTH, HEADS, 2 * WIDTH, batch_first=batch_first, norm_first=norm_first, dropout=0.0
        )
        self.batch_first = batch_first
        self.patches = Patches()
        self.encoder = nn.TransformerEncoder(layer, num_layers=2, enable_nested_tensor=False)

    def forward(self, images: Tensor) -> Tensor:
        tokens: Tensor = self.patches(images)
        encoded: Tensor = self.encoder(tokens if self.batch_first else tokens.transpose(0, 1))
        return encoded if self.batch_first else encoded.transpose(0, 1)


class OwnBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.qkv = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 3 * WIDTH)
        self.merge = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Dropout(0.1))
        self.mlp = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU())

    def forward(self, *, tokens: Tensor) -> Tensor:
        query, key, value = self.qkv(self.norm(tokens)).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)
        tokens = tokens + self.merge(mixed.transpose(1, 2).flatten(2))
        return torch.add(tokens, self.mlp(tokens))


class OwnNetwork(nn.Module):
    def __init__(self, num_blocks: int = 2) -> None:
        super().__init__()
        self.patches = Patches()
        self.blocks = nn.ModuleList(OwnBlock() for _ in range(num_blocks))

    def forward(self, images: Tensor) -> Tensor:
        tokens: Tensor = self.patches(images)
        for block in self.blocks:
            tokens = block(tokens=tokens)
        return tokens


class Wrapped(nn.Module):
    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, images: Tensor) -> Tensor:
        outputs: Tensor = self.body(images)
        return outputs


class AsSegmentation(SegmentationModel):
    """A network of somebody else as one of ours: tokens, made a map of logits."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__(image_size=32, in_channels=1, stride=8, repeats_grey=True)
        self.network = network
        self.head = nn.Conv2d(WIDTH, 3, 1)

    def forward(self, images: Tensor) -> Tensor:
        network: Any = self.network
        images = self.prepare(images)
        tokens = network.forward_features(images) if hasattr(network, "forward_features") else network(images)
        return F.interpolate(self.head(tokens[:, -16:].transpose(1, 2).unflatten(2, (4, 4))), scale_factor=8)


NETWORKS: dict[str, tuple[Callable[[], nn.Module], str, int]] = {
    "vit": (lambda: VisionTransformer(**TIMM), "blocks", 1),
    "deit": (lambda: VisionTransformerDistilled(**TIMM), "blocks", 2),
    "dinov2": (lambda: VisionTransformer(**TIMM, init_values=0.5, reg_tokens=4, no_embed_class=True), "blocks", 5),
    "encoder": (lambda: EncoderNetwork(batch_first=True, norm_first=True), "encoder.layers", 0),
    "encoder, tokens first": (lambda: EncoderNetwork(batch_first=False, norm_first=False), "encoder.layers", 0),
    "own": (OwnNetwork, "blocks", 0),
}
"""How to build each, where its blocks are, and how many tokens stand in front."""


def foreign(name: str) -> nn.Module:
    """One of them, in evaluation mode, its attention sharper than at random so that measures differ."""
    torch.manual_seed(0)
    network = NETWORKS[name][0]().eval()
    with torch.no_grad():
        for key, parameter in network.named_parameters():
            if "qkv.weight" in key or "in_proj_weight" in key:
                parameter.copy_(0.4 * torch.randn_like(parameter))
            elif "gamma" in key:
                parameter.copy_(torch.rand_like(parameter))
    return network


def attention_inputs(network: nn.Module, images: Tensor) -> list[Tensor]:
    """What enters the attention of each block, (batch, tokens, width) in float64, read by hooks of the test's own."""
    seen: list[Tensor] = []
    handles = []
    modules: list[Any] = list(network.modules())
    for module in modules:
        if isinstance(module, OwnBlock):
            handles.append(module.norm.register_forward_hook(lambda *args: seen.append(args[2].detach().double())))
        elif hasattr(module, "qkv") or isinstance(module, nn.MultiheadAttention):
            handles.append(module.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach().double())))
    network(images)
    for handle in handles:
        handle.remove()
    return [tokens.transpose(0, 1) if tokens.shape[0] == 16 else tokens for tokens in seen]


def reference_maps(network: nn.Module, images: Tensor) -> list[Tensor]:
    """The attention of each block in float64, from its own weights."""
    modules: list[Any] = list(network.modules())
    weights = [(module.qkv.weight, module.qkv.bias) for module in modules if hasattr(module, "qkv")]
    weights += [(m.in_proj_weight, m.in_proj_bias) for m in modules if isinstance(m, nn.MultiheadAttention)]
    maps = []
    for tokens, (weight, bias) in zip(attention_inputs(network, images), weights, strict=True):
        packed = tokens @ weight.detach().double().T + (0 if bias is None else bias.detach().double())
        query, key, _ = packed.unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        maps.append((query @ key.transpose(-2, -1) / (WIDTH // HEADS) ** 0.5).softmax(dim=-1))
    return maps


def traces(network: nn.Module) -> int:
    """Hooks left behind on any of its modules."""
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules())
