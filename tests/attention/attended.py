"""What a block attends to, computed in float64 from what entered it and from its weights: no code of ours."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Attended = tuple[Tensor, Tensor]
"""Scores (batch * windows, heads, queries, keys), minus infinity where masked, and values (..., keys, depth)."""


def attended(network: nn.Module, images: Tensor, paths: list[str], biases: list[Tensor | None]) -> list[Attended]:
    """Scores and values of the attention modules at these paths, in one forward pass."""
    entered: list[tuple[Any, tuple[Any, ...]]] = []
    handles = [
        network.get_submodule(path).register_forward_pre_hook(lambda *call: entered.append(call)) for path in paths
    ]
    network(images)  # with gradients: torch's fast path would pass the hooks by
    for handle in handles:
        handle.remove()
    assert [module for module, _ in entered] == [network.get_submodule(path) for path in paths]
    with torch.no_grad():
        return [
            _scores_and_values(copy.deepcopy(module).double(), args, bias)
            for (module, args), bias in zip(entered, biases, strict=True)
        ]


def _scores_and_values(attention: Any, args: tuple[Any, ...], bias: Tensor | None) -> Attended:
    query, key, value = _projections(attention)(attention, *_doubled(args))
    scores = query @ key.mT / query.shape[-1] ** 0.5
    if bias is not None:
        scores = (scores.unflatten(0, (-1, bias.shape[0])) + bias).flatten(0, 1)
    return scores, value


def _doubled(args: tuple[Any, ...]) -> list[Any]:
    return [each.detach().double() if isinstance(each, torch.Tensor) else each for each in args]


def _projections(attention: Any) -> Callable[..., tuple[Tensor, ...]]:
    if hasattr(attention, "val_dim"):
        return _of_levit
    if isinstance(attention, nn.MultiheadAttention):
        return _of_multi_head
    return _separate if hasattr(attention, "q_proj") else _packed


def _packed(attention: Any, tokens: Tensor, *_: Any) -> tuple[Tensor, ...]:
    """timm and MONAI: one layer for queries, keys and values."""
    heads: int = attention.num_heads
    packed: Tensor = attention.qkv(tokens)
    query, key, value = packed.unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
    return query, key, value


def _separate(attention: Any, tokens: Tensor, *size: Any) -> tuple[Tensor, ...]:
    """Hugging Face: three layers; SegFormer's keys and values are a convolution of the tokens."""
    fewer = tokens
    if hasattr(attention, "sequence_reduction"):
        reduction = attention.sequence_reduction
        plane = tokens.mT.unflatten(-1, size[:2])
        fewer = reduction.layer_norm(reduction.sequence_reduction(plane).flatten(2).mT)
    layers = ((attention.q_proj, tokens), (attention.k_proj, fewer), (attention.v_proj, fewer))
    return tuple(_in_heads(layer(source), attention.num_attention_heads) for layer, source in layers)


def _of_multi_head(attention: nn.MultiheadAttention, tokens: Tensor, *_: Any) -> tuple[Tensor, ...]:
    tokens = tokens if attention.batch_first else tokens.transpose(0, 1)
    packed = tokens @ attention.in_proj_weight.T + attention.in_proj_bias
    return tuple(_in_heads(part, attention.num_heads) for part in packed.chunk(3, dim=-1))


def _of_levit(attention: Any, tokens: Tensor, *_: Any) -> tuple[Tensor, ...]:
    """One layer for all; of a downsampling, queries of their own. With convolutions, tokens stand in a plane."""
    depths = [attention.key_dim, attention.val_dim]
    if hasattr(attention, "qkv"):
        packed = _in_heads(_sequence(attention.qkv(tokens)), attention.num_heads)
        query, key, value = packed.split([depths[0], *depths], dim=-1)
        return query, key, value
    query, packed = (_in_heads(_sequence(part(tokens)), attention.num_heads) for part in (attention.q, attention.kv))
    return (query, *packed.split(depths, dim=-1))


def _sequence(tokens: Tensor) -> Tensor:
    return tokens.flatten(2).mT if tokens.ndim == 4 else tokens


def _in_heads(tokens: Tensor, num_heads: int) -> Tensor:
    heads: Tensor = tokens.unflatten(-1, (num_heads, -1)).transpose(1, 2)
    return heads
