"""Receptive field, similarity, organs and relevance of networks of every make, planes and volumes."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from families import FAMILIES, built
from foreign_networks import traces
from torch import Tensor, nn
from torch.nn import functional as F

from trimformer.attention.measures.organs import measure_organs
from trimformer.attention.measures.receptive_field import measure_receptive_field
from trimformer.attention.measures.relevance import class_relevance
from trimformer.attention.measures.similarity import measure_similarity
from trimformer.attention.measures.token_gradients import FieldSample, token_fields
from trimformer.attention.transformer.blocks import find_transformer
from trimformer.attention.transformer.states import run_blocks
from trimformer.data.batch import Batch
from trimformer.records.errors import UserError

MEASURED = (
    "timm DINO with registers, written out",
    "Hugging Face ViT, eager",
    "MONAI ViT, oblong patches",
    "MONAI ViT, perceptron, 3D",
    "nn.TransformerEncoder, tokens first",
)
"""One of every way to attend and to lay out tokens; the recorder's own tests have all families."""
UNETR_3D = "MONAI UNETR, 3D"
VOLUMES = "MONAI ViT, perceptron, 3D"
WINDOWED = ("timm Swin, fused", "timm LeViT")


def labelled(images: Tensor) -> Batch:
    """Organ 1 on the first half of the first axis, organ 2 on the rest but the last eighth."""
    labels = torch.zeros(len(images), *images.shape[2:], dtype=torch.uint8)
    rows = images.shape[2]
    labels[:, : rows // 2], labels[:, rows // 2 : -(rows // 8)] = 1, 2
    return Batch(images, labels, ("p",) * len(images))


@pytest.mark.parametrize("name", MEASURED)
def test_every_sequence_of_blocks_has_all_measures(name: str) -> None:
    network, images = built(name)
    batch, grid = labelled(images[:1]), FAMILIES[name].grid
    assert grid is not None
    field = measure_receptive_field(network, [batch], tokens_per_slice=1)
    blocks = len(FAMILIES[name].blocks)
    assert field.about["grid_size"] == list(grid[0])
    assert field.measures["all/far_field_ratio"].shape == (1, blocks + 1)
    assert field.pictures["all/centred"].shape == (blocks + 1, *(2 * size - 1 for size in grid[0]))
    assert np.isfinite(field.measures["all/outside_share"]).all()
    similarity = measure_similarity(network, [batch])
    assert np.diagonal(similarity.measures["all/cka"][0]) == pytest.approx(1)
    organs = measure_organs(network, [batch], {1: "front", 2: "back"}).measures["share"][0]
    assert organs.shape[0] == blocks
    assert ((organs > 0) & (organs < 1)).all()
    assert traces(network) == 0


def test_the_field_of_a_volume_equals_exact_gradients_summed_over_its_patches() -> None:
    network, images = built(VOLUMES)
    (grid, patch_sizes, prefix), images = FAMILIES[VOLUMES].grid, images[:1]  # type: ignore[misc]
    transformer, found = find_transformer(network, images), []
    inputs = images.clone().requires_grad_(True)
    run_blocks(network, transformer, inputs, lambda _, states: found.append(states))
    query = math.prod(grid) // 2
    squares = torch.zeros_like(images)
    for entry in found[-1][0, prefix + query]:
        squares += torch.autograd.grad(entry, inputs, retain_graph=True)[0].square()
    pixels, expected = squares.sqrt()[0, 0].numpy(), np.zeros(grid)
    for place in np.ndindex(*grid):
        corner = tuple(slice(at * side, (at + 1) * side) for at, side in zip(place, patch_sizes, strict=True))
        expected[place] = pixels[corner].sum()
    width = found[-1].shape[-1]
    sample = FieldSample(torch.tensor([[query]]), torch.eye(width)[None, None])
    fields = token_fields(network, transformer, images, sample)
    assert fields[-1, 0, 0].numpy() == pytest.approx((expected / expected.sum()).ravel(), rel=1e-4)
    start = np.zeros(math.prod(grid))
    start[query] = 1
    assert fields[0, 0, 0].numpy() == pytest.approx(start, abs=1e-7)


class Wrapped(nn.Module):
    """Tokens to logits on the image's grid."""

    def __init__(self, network: nn.Module, prefix: int, grid: tuple[int, ...], size: tuple[int, ...]) -> None:
        super().__init__()
        self.network, self.prefix, self.grid, self.size = network, prefix, grid, size

    def forward(self, images: Tensor) -> Tensor:
        network: Any = self.network
        tokens = network.forward_features(images)[:, self.prefix :]
        return F.interpolate(tokens.transpose(1, 2).unflatten(2, self.grid), self.size)


def by_kept_maps(network: nn.Module, images: Tensor, mask: Tensor, dropouts: str) -> Tensor:
    """R from the maps themselves, which pass through a dropout that keeps them in the graph."""
    kept: list[Tensor] = []
    hooks = [
        module.register_forward_hook(lambda *args: kept.append(args[2]))
        for name, module in network.named_modules()
        if name.endswith(dropouts)
    ]
    target = network(images.clone().requires_grad_(True))[:, 1][mask].sum()
    for hook in hooks:
        hook.remove()
    full = torch.eye(kept[0].shape[-1])
    for maps, gradient in zip(kept, torch.autograd.grad(target, kept), strict=True):
        full = full + (maps * gradient).clamp(min=0).mean(dim=1)[0].detach() @ full
    return full


@pytest.mark.parametrize("name", ["timm DINO with registers, written out", UNETR_3D])
def test_relevance_of_written_out_attention_and_of_volumes_equals_gradients_at_the_maps(name: str) -> None:
    network, images = built(name)
    grid, _, prefix = FAMILIES[name].grid  # type: ignore[misc]
    images, size = images[:1], tuple(images.shape[2:])
    volumes = "UNETR" in name
    if not volumes:
        network = Wrapped(network, prefix, grid, size).eval()
    mask = torch.zeros(1, *size, dtype=torch.bool)
    mask[0, : size[0] // 2 + 1] = True
    found = class_relevance(network, images, 1, mask)
    expected = by_kept_maps(network, images, mask, "drop_weights" if volumes else "attn_drop")
    assert (expected - torch.eye(len(expected))).abs().max() > 1e-6
    changed = expected - torch.eye(len(expected))
    scale = float(changed.abs().max())
    assert (found.full[0] - torch.eye(len(expected))).numpy() == pytest.approx(changed.numpy(), abs=1e-4 * scale)
    assert found.patches.shape == (1, math.prod(grid))


@pytest.mark.parametrize("name", WINDOWED)
def test_windows_stages_and_reduced_keys_are_refused_with_a_reason(name: str) -> None:
    network, images = built(name)
    for measure in (measure_receptive_field, measure_similarity):
        with pytest.raises(UserError, match=r"measured|recorded"):
            measure(network, [images[:1]])
