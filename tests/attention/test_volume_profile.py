"""The profile of one sequence of blocks in a volume: all measures and rollouts on a grid of three axes."""

import math
from itertools import product
from typing import Any

import brute_force
import numpy as np
import pytest
import torch
from monai.networks.nets import UNETR
from monai.networks.nets.vit import ViT
from torch import Tensor, nn

import trimformer as tf
from trimformer.records.errors import UserError
from trimformer.records.profile import FIELDS, AttentionProfile

SPACING = (1.5, 2.0, 3.0)
PATCH, GRID = (4, 8, 4), (3, 2, 4)
POINTS: Any = [
    tuple(i * patch * side for i, patch, side in zip(at, PATCH, SPACING, strict=True))
    for at in product(*map(range, GRID))
]


def vit() -> Any:
    torch.manual_seed(0)
    sizes = tuple(count * patch for count, patch in zip(GRID, PATCH, strict=True))
    network = ViT(1, sizes, PATCH, hidden_size=24, mlp_dim=32, num_layers=2, num_heads=3, save_attn=True)
    for block in network.blocks:
        block.attn.qkv.weight.data *= 12
    return network.eval()


def batch() -> tf.Batch:
    images = torch.randn(2, 1, 12, 16, 16, generator=torch.Generator().manual_seed(0))
    foreground = torch.zeros(2, 12, 16, 16, dtype=torch.bool)
    foreground[0, :, :8, :9] = foreground[1, 2:, 3:, 3:8] = True
    return tf.Batch(images, None, ("a", "b"), SPACING, foreground)


def tokens_of(region: str, image: int) -> list[int]:
    """The patches that hold a marked voxel, found one by one."""
    marked: Any = batch().foreground
    boxes = [
        tuple(slice(i * patch, (i + 1) * patch) for i, patch in zip(at, PATCH, strict=True))
        for at in product(*map(range, GRID))
    ]
    return [token for token, box in enumerate(boxes) if region == "all" or marked[(image, *box)].any()]


def rollouts(network: nn.Module, images: Tensor, maps: list[Tensor]) -> dict[str, list[Tensor]]:
    """Both cumulative fields after every block, (batch, tokens, tokens) in float64."""
    inputs: list[tuple[Tensor, Tensor]] = []
    blocks: Any = network.blocks
    handles = [b.register_forward_pre_hook(lambda _, args: inputs.append(args[0])) for b in blocks]
    with torch.no_grad():
        network(images)
        fields: dict[str, list[Tensor]] = {"half_residual": [], "norm_weighted": []}
        for block, tokens, attention in zip(blocks, inputs, maps, strict=True):
            packed = (block.attn.qkv(block.norm1(tokens))).double().unflatten(-1, (3, 3, 8))[:, :, 2]
            mixing = block.attn.out_proj.weight.double().unflatten(1, (3, 8))
            vectors = torch.einsum("bjhd,whd->bhjw", packed, mixing)
            added = torch.einsum("bhij,bhjw->bijw", attention, vectors)
            added += torch.eye(added.shape[1])[None, :, :, None] * tokens.double()[:, :, None]  # type: ignore[attr-defined]
            norms = added.norm(dim=-1)
            half = (attention.mean(dim=1) + torch.eye(added.shape[1])) / 2
            steps = {"half_residual": half, "norm_weighted": norms / norms.sum(dim=-1, keepdim=True)}
            for name, step in steps.items():
                fields[name].append(step @ fields[name][-1] if fields[name] else step)
    for handle in handles:
        handle.remove()
    return fields


def test_all_measures_and_rollouts_of_a_volume_equal_sums_over_pairs(tmp_path: Any) -> None:
    network, given = vit(), batch()
    profile = tf.profile_attention(network, [given])
    assert (profile.grid_size, profile.num_heads, profile.fields) == (GRID, 3, FIELDS)
    with torch.no_grad():
        network(given.images)
    blocks: Any = network.blocks
    maps = [block.attn.att_mat.double() for block in blocks]
    fields = rollouts(network, given.images, maps) | {"per_block": [each.mean(dim=1) for each in maps]}
    for number, image, region in product(range(2), range(2), ("all", "foreground")):
        tokens = tokens_of(region, image)
        points = [POINTS[token] for token in tokens]
        of_heads = [brute_force.restricted(maps[number][image, head].numpy(), tokens) for head in range(3)]
        for key, expected in {
            "distance_mm": [brute_force.mean_distance(each, points) for each in of_heads],
            "distance_ratio": [brute_force.distance_ratio(each, points) for each in of_heads],
            "far_field_ratio": [np.mean(brute_force.far_ratios(each, points)) for each in of_heads],
            "mixing": [1 - np.mean(np.diag(each)) for each in of_heads],
            "entropy": [brute_force.normalised_entropy(each) for each in of_heads],
            "query_key_information": [brute_force.query_key_information(each) for each in of_heads],
            "sink_ratio": [brute_force.sink_ratio(each) for each in of_heads],
        }.items():
            assert profile.model[f"{region}/{key}"][image, number] == pytest.approx(expected, rel=1e-4, abs=1e-5), key
        for field in FIELDS:
            of_field = brute_force.restricted(fields[field][number][image].numpy(), tokens)
            found = profile.model[f"{region}/{field}/far_field_ratio"][image, number]
            assert found == pytest.approx(np.mean(brute_force.far_ratios(of_field, points)), rel=1e-4), field
    uniform = np.mean([math.dist(p, q) for p in POINTS for q in POINTS])
    assert profile.uniform["all/distance_mm"] == pytest.approx([uniform] * 2)
    assert profile.example == {}
    profile.save(tmp_path / "attention.json", tmp_path / "attention.npz")
    assert AttentionProfile.load(tmp_path / "attention.json", tmp_path / "attention.npz").grid_size == GRID


def test_a_segmentation_network_of_volumes_is_profiled_without_its_decoder() -> None:
    torch.manual_seed(0)
    network = UNETR(1, 2, (32, 32, 32), feature_size=2, hidden_size=24, mlp_dim=32, num_heads=3).eval()
    blocks: Any = network.vit.blocks
    network.vit.blocks = nn.ModuleList(
        list(blocks)[:10]
    )  # the deepest feature that the decoder takes is that of the ninth
    profile = tf.profile_attention(network, [torch.randn(1, 1, 32, 32, 32)])
    assert (profile.grid_size, profile.num_blocks) == ((2, 2, 2), 10)
    assert np.isfinite(profile.model["all/norm_weighted/far_field_ratio"]).all()


def test_spacing_has_a_side_for_each_axis() -> None:
    volumes = torch.zeros(1, 1, 4, 4, 4)
    assert tf.Batch(volumes).spacing_mm == (1.0, 1.0, 1.0)
    for wrong in ((1.0, 2.0), (1.0, 0.0, 2.0), (1.0, math.inf, 1.0)):
        with pytest.raises(UserError, match="3 sides in mm"):
            tf.Batch(volumes, spacing_mm=wrong)
