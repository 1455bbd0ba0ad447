"""TransUNet written once more, straight from the published layer plan and the official checkpoint's keys.

It shares no line with the package: plain functions on a dictionary of tensors, attention spelt out, so that equal
logits mean that both read the checkpoint alike.
"""

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

State = dict[str, Tensor]

UNITS = (3, 4, 9)
HYBRID = "transformer.embeddings.hybrid_model"


def shapes(
    num_classes: int, num_blocks: int, grid: int, width: int, divisor: int
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Every key of an official checkpoint with its shape; `divisor` narrows all convolutions but the last."""
    root = 64 // divisor
    yield f"{HYBRID}.root.conv.weight", (root, 3, 7, 7)
    yield from _norm(f"{HYBRID}.root.gn", root)
    before = root
    for block, count in enumerate(UNITS, start=1):
        after = 256 * 2 ** (block - 1) // divisor
        for unit in range(1, count + 1):
            yield from _unit_shapes(f"{HYBRID}.body.block{block}.unit{unit}", before, after)
            before = after
    embeddings = "transformer.embeddings"
    yield f"{embeddings}.patch_embeddings.weight", (width, before, 1, 1)
    yield f"{embeddings}.patch_embeddings.bias", (width,)
    yield f"{embeddings}.position_embeddings", (1, grid * grid, width)
    for index in range(num_blocks):
        layer = f"transformer.encoder.layer.{index}"
        yield from _norm(f"{layer}.attention_norm", width)
        yield from _norm(f"{layer}.ffn_norm", width)
        yield from _linear(f"{layer}.ffn.fc1", width, 4 * width)
        yield from _linear(f"{layer}.ffn.fc2", 4 * width, width)
        for part in ("query", "key", "value", "out"):
            yield from _linear(f"{layer}.attn.{part}", width, width)
    yield from _norm("transformer.encoder.encoder_norm", width)
    yield from _decoder_shapes(num_classes, width, divisor)


def _unit_shapes(unit: str, before: int, after: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    middle = after // 4
    yield f"{unit}.conv1.weight", (middle, before, 1, 1)
    yield f"{unit}.conv2.weight", (middle, middle, 3, 3)
    yield f"{unit}.conv3.weight", (after, middle, 1, 1)
    for index, channels in ((1, middle), (2, middle), (3, after)):
        yield from _norm(f"{unit}.gn{index}", channels)
    if before != after:
        yield f"{unit}.downsample.weight", (after, before, 1, 1)
        yield from _norm(f"{unit}.gn_proj", after)


def _decoder_shapes(num_classes: int, width: int, divisor: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    first, *widths = (*(channels // divisor for channels in (512, 256, 128, 64)), 16)
    skips = [channels // divisor for channels in (512, 256, 64, 0)]
    yield from _conv_norm("decoder.conv_more", width, first)
    for index, (before, skip, after) in enumerate(zip([first, *widths[:-1]], skips, widths, strict=True)):
        yield from _conv_norm(f"decoder.blocks.{index}.conv1", before + skip, after)
        yield from _conv_norm(f"decoder.blocks.{index}.conv2", after, after)
    yield "segmentation_head.0.weight", (num_classes, widths[-1], 3, 3)
    yield "segmentation_head.0.bias", (num_classes,)


def _norm(name: str, channels: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (channels,)
    yield f"{name}.bias", (channels,)


def _linear(name: str, before: int, after: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (after, before)
    yield f"{name}.bias", (after,)


def _conv_norm(name: str, before: int, after: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.0.weight", (after, before, 3, 3)
    yield from _norm(f"{name}.1", after)
    yield f"{name}.1.running_mean", (after,)
    yield f"{name}.1.running_var", (after,)
    yield f"{name}.1.num_batches_tracked", ()


def filled(seed: int = 0, **sizes: int) -> State:
    """A checkpoint in which no part of the network is idle: norms differ from one, variances are positive."""
    generator = torch.Generator().manual_seed(seed)
    return {key: _value(key, shape, generator) for key, shape in shapes(**sizes)}


def _value(key: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    if key.endswith("num_batches_tracked"):
        return torch.tensor(7)
    noise = torch.randn(shape, generator=generator)
    if key.endswith("running_var"):
        return 1 + 0.2 * noise.abs()
    if len(shape) == 1:
        return 0.1 * noise + (0.0 if key.endswith(("bias", "running_mean")) else 1.0)
    fan_in = noise[0].numel() if noise.ndim != 3 else 1
    return noise / math.sqrt(fan_in)


def logits(state: State, images: Tensor, num_heads: int, num_groups: int = 32) -> Tensor:
    """The program's answer to images (batch, 1, rows, columns) in evaluation."""
    features, skips = _trunk(state, images.repeat(1, 3, 1, 1), num_groups)
    tokens = _transformer(state, features, num_heads)
    batch, _, width = tokens.shape
    features = tokens.transpose(1, 2).reshape(batch, width, *features.shape[2:])
    features = _conv_norm_relu(state, "decoder.conv_more", features)
    for index in range(4):
        features = F.interpolate(features, scale_factor=2, mode="bilinear", align_corners=True)
        if index < len(skips):
            features = torch.cat([features, skips[index]], dim=1)
        for conv in ("conv1", "conv2"):
            features = _conv_norm_relu(state, f"decoder.blocks.{index}.{conv}", features)
    return F.conv2d(features, state["segmentation_head.0.weight"], state["segmentation_head.0.bias"], padding=1)


def _trunk(state: State, images: Tensor, num_groups: int) -> tuple[Tensor, list[Tensor]]:
    features = _standardised_conv(state, f"{HYBRID}.root.conv", images, stride=2, padding=3)
    features = F.relu(_group_norm(state, f"{HYBRID}.root.gn", features, num_groups, 1e-6))
    skips = [features]
    side = images.shape[2]
    features = F.max_pool2d(features, 3, 2)
    for block, count in enumerate(UNITS, start=1):
        for unit in range(1, count + 1):
            stride = 2 if block > 1 and unit == 1 else 1
            features = _unit(state, f"{HYBRID}.body.block{block}.unit{unit}", features, stride, num_groups)
        wanted = side // 2 ** (block + 1)
        missing = wanted - features.shape[2]
        skips.append(F.pad(features, (0, missing, 0, missing)))
    return features, [skips[2], skips[1], skips[0]]


def _unit(state: State, name: str, features: Tensor, stride: int, num_groups: int) -> Tensor:
    residual = features
    if f"{name}.downsample.weight" in state:
        residual = _standardised_conv(state, f"{name}.downsample", features, stride, 0)
        residual = _group_norm(state, f"{name}.gn_proj", residual, residual.shape[1], 1e-5)
    for index, (step, padding) in enumerate(((1, 0), (stride, 1), (1, 0)), start=1):
        features = _standardised_conv(state, f"{name}.conv{index}", features, step, padding)
        features = _group_norm(state, f"{name}.gn{index}", features, num_groups, 1e-6)
        if index < 3:
            features = F.relu(features)
    return F.relu(features + residual)


def _standardised_conv(state: State, name: str, features: Tensor, stride: int, padding: int) -> Tensor:
    weight = state[f"{name}.weight"]
    flat = weight.flatten(1)
    mean, variance = flat.mean(dim=1), flat.var(dim=1, unbiased=False)
    weight = (weight - mean.view(-1, 1, 1, 1)) / torch.sqrt(variance + 1e-5).view(-1, 1, 1, 1)
    return F.conv2d(features, weight, stride=stride, padding=padding)


def _group_norm(state: State, name: str, features: Tensor, num_groups: int, eps: float) -> Tensor:
    return F.group_norm(features, num_groups, state[f"{name}.weight"], state[f"{name}.bias"], eps)


def _transformer(state: State, features: Tensor, num_heads: int) -> Tensor:
    embeddings = "transformer.embeddings"
    weight, bias = (state[f"{embeddings}.patch_embeddings.{kind}"] for kind in ("weight", "bias"))
    tokens = F.conv2d(features, weight, bias).flatten(2).transpose(1, 2) + state[f"{embeddings}.position_embeddings"]
    num_blocks = len({key.split(".")[3] for key in state if key.startswith("transformer.encoder.layer.")})
    for index in range(num_blocks):
        layer = f"transformer.encoder.layer.{index}"
        tokens = tokens + _attention(state, layer, _layer_norm(state, f"{layer}.attention_norm", tokens), num_heads)
        hidden = F.gelu(_apply(state, f"{layer}.ffn.fc1", _layer_norm(state, f"{layer}.ffn_norm", tokens)))
        tokens = tokens + _apply(state, f"{layer}.ffn.fc2", hidden)
    return _layer_norm(state, "transformer.encoder.encoder_norm", tokens)


def _attention(state: State, layer: str, tokens: Tensor, num_heads: int) -> Tensor:
    batch, count, width = tokens.shape
    query, key, value = (
        _apply(state, f"{layer}.attn.{part}", tokens).view(batch, count, num_heads, -1).permute(0, 2, 1, 3)
        for part in ("query", "key", "value")
    )
    maps = torch.softmax(query @ key.transpose(2, 3) / (width / num_heads) ** 0.5, dim=-1)
    return _apply(state, f"{layer}.attn.out", (maps @ value).permute(0, 2, 1, 3).reshape(batch, count, width))


def _apply(state: State, name: str, tokens: Tensor) -> Tensor:
    return F.linear(tokens, state[f"{name}.weight"], state[f"{name}.bias"])


def _layer_norm(state: State, name: str, tokens: Tensor) -> Tensor:
    return F.layer_norm(tokens, tokens.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"], 1e-6)


def _conv_norm_relu(state: State, name: str, features: Tensor) -> Tensor:
    features = F.conv2d(features, state[f"{name}.0.weight"], padding=1)
    mean, variance = state[f"{name}.1.running_mean"], state[f"{name}.1.running_var"]
    return F.relu(F.batch_norm(features, mean, variance, state[f"{name}.1.weight"], state[f"{name}.1.bias"]))
