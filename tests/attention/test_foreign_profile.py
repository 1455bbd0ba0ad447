import threading
from typing import Any

import brute_force
import numpy as np
import pytest
import torch
from foreign_networks import (
    HEADS,
    IMAGES,
    NETWORKS,
    WIDTH,
    AsSegmentation,
    OwnNetwork,
    Wrapped,
    attention_inputs,
    foreign,
    reference_maps,
    traces,
)
from torch import Tensor, nn

from trimformer.attention.profile import profile_attention
from trimformer.attention.twin import permuted_twin
from trimformer.data.batch import Batch
from trimformer.models import create_model
from trimformer.records.errors import UserError

BATCH = Batch(IMAGES, None, ("one", "two"), (1.5, 2.0))
POINTS = brute_force.positions(4, 4, 12, 16)
every_network = pytest.mark.parametrize("name", NETWORKS)


@every_network
def test_measures_of_patches_equal_sums_over_pairs(name: str) -> None:
    network, (_, path, prefix) = foreign(name), NETWORKS[name]
    profile = profile_attention(network, [BATCH])
    assert profile.block_names == (f"{path}.0", f"{path}.1")
    assert (profile.patient_ids, profile.num_heads, profile.grid_size) == (("one", "two"), 3, (4, 4))
    patches = list(range(prefix, prefix + 16))
    for block, maps in enumerate(reference_maps(network, IMAGES)):
        for image in range(2):
            of_heads = [brute_force.restricted(maps[image, head].numpy(), patches) for head in range(HEADS)]
            for key, expected in {
                "distance_mm": [brute_force.mean_distance(attention, POINTS) for attention in of_heads],
                "far_field_ratio": [np.mean(brute_force.far_ratios(attention, POINTS)) for attention in of_heads],
                "mixing": [1 - np.mean(np.diag(attention)) for attention in of_heads],
                "entropy": [brute_force.normalised_entropy(attention) for attention in of_heads],
            }.items():
                assert profile.model[f"all/{key}"][image, block] == pytest.approx(expected, abs=1e-5)
            mean = brute_force.restricted(maps[image].mean(dim=0).numpy(), patches)
            found = profile.model["all/per_block/far_field_ratio"][image, block]
            assert found == pytest.approx(np.mean(brute_force.far_ratios(mean, POINTS)), abs=1e-5)
    assert profile.example["maps"].astype(float).sum(axis=-1) == pytest.approx(1, abs=1e-2)


def block_inputs(network: nn.Module, path: str) -> list[Tensor]:
    """What enters each block, (batch, tokens, width) in float64."""
    seen: list[Tensor] = []

    def keep(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        tokens = (args[0] if args else kwargs["tokens"]).detach().double()
        seen.append(tokens.transpose(0, 1) if tokens.shape[0] == 16 else tokens)

    blocks = network.get_submodule(path).children()
    handles = [block.register_forward_pre_hook(keep, with_kwargs=True) for block in blocks]
    network(IMAGES)
    for handle in handles:
        handle.remove()
    return seen


def value_vectors(network: nn.Module, name: str) -> list[Tensor]:
    """W_O^h v_j^h of each block: (batch, heads, tokens, width) in float64, LayerScale included."""
    vectors = []
    blocks: list[Any] = list(network.get_submodule(NETWORKS[name][1]).children())
    for block, tokens in zip(blocks, attention_inputs(network, IMAGES), strict=True):
        if name.startswith("encoder"):
            packed, bias = block.self_attn.in_proj_weight, block.self_attn.in_proj_bias
            output = block.self_attn.out_proj.weight
        elif name == "own":
            packed, bias, output = block.qkv.weight, block.qkv.bias, block.merge[0].weight
        else:
            packed, output = block.attn.qkv.weight, block.attn.proj.weight
            bias = torch.zeros(3 * WIDTH) if block.attn.qkv.bias is None else block.attn.qkv.bias
        if name == "dinov2":
            output = torch.diag(block.ls1.gamma) @ output
        value = tokens @ packed[2 * WIDTH :].detach().double().T + bias[2 * WIDTH :].detach().double()
        mixing = output.detach().double().unflatten(1, (HEADS, -1))
        vectors.append(torch.einsum("bjhd,whd->bhjw", value.unflatten(-1, (HEADS, -1)), mixing))
    return vectors


@every_network
def test_rollouts_run_over_all_tokens_and_are_measured_on_patches(name: str) -> None:
    network, (_, path, prefix) = foreign(name), NETWORKS[name]
    profile = profile_attention(network, [BATCH])
    inputs, vectors = block_inputs(network, path), value_vectors(network, name)
    identity = torch.eye(prefix + 16, dtype=torch.float64)
    half, weighted = identity, identity
    for block, maps in enumerate(reference_maps(network, IMAGES)):
        half = (maps.mean(dim=1) + identity) / 2 @ half
        added = torch.einsum("bhij,bhjw->bijw", maps, vectors[block]) + identity[:, :, None] * inputs[block][:, :, None]
        norms = added.norm(dim=-1)
        weighted = norms / norms.sum(dim=-1, keepdim=True) @ weighted
        for field, reached in (("half_residual", half), ("norm_weighted", weighted)):
            for image in range(2):
                patches = brute_force.restricted(reached[image].numpy(), list(range(prefix, prefix + 16)))
                found = profile.model[f"all/{field}/far_field_ratio"][image, block]
                assert found == pytest.approx(np.mean(brute_force.far_ratios(patches, POINTS)), abs=1e-5)


@every_network
@pytest.mark.parametrize("wrap", [Wrapped, lambda network: nn.Sequential(Wrapped(network))], ids=["one", "two"])
def test_wrapping_changes_the_names_alone(name: str, wrap: Any) -> None:
    network = foreign(name)
    plain, wrapped = profile_attention(network, [BATCH]), profile_attention(wrap(network), [BATCH])
    assert all(long.endswith(f".{short}") for long, short in zip(wrapped.block_names, plain.block_names, strict=True))
    for key, values in plain.model.items():
        np.testing.assert_array_equal(wrapped.model[key], values)


class Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.passes = 0

    def forward(self, features: Tensor) -> Tensor:
        self.passes += 1
        return features


@every_network
def test_inside_a_segmentation_model_the_decoder_runs_in_the_first_look_alone(name: str) -> None:
    model = AsSegmentation(foreign(name)).train()
    decoder = Decoder()
    model.head = nn.Sequential(model.head, decoder)  # type: ignore[assignment]
    grey = Batch(IMAGES[:, :1], None, ("one", "two"))
    profile = profile_attention(model, [grey, grey])
    assert profile.block_names[0] == f"network.{NETWORKS[name][1]}.0"
    assert decoder.passes == 1
    assert model.training
    assert traces(model) == 0
    assert torch.backends.mha.get_fastpath_enabled()


def test_the_profile_keeps_a_foreground_of_its_own() -> None:
    foreground = torch.zeros(2, 32, 32, dtype=torch.bool)
    foreground[:, :24, :24] = True
    batch = Batch(IMAGES, None, ("one", "two"), (1.5, 2.0), foreground)
    network = foreign("dinov2")
    profile = profile_attention(network, [batch])
    tokens = [5 + 4 * row + column for row in range(3) for column in range(3)]
    points = [POINTS[token - 5] for token in tokens]
    for image, maps in enumerate(reference_maps(network, IMAGES)[1]):
        attention = brute_force.restricted(maps[2].numpy(), tokens)
        expected = np.mean(brute_force.far_ratios(attention, points))
        assert profile.model["foreground/far_field_ratio"][image, 1, 2] == pytest.approx(expected, abs=1e-5)


def test_a_network_that_cannot_be_copied_is_said() -> None:
    network = OwnNetwork()
    network.lock = threading.Lock()  # type: ignore[assignment]
    with pytest.raises(UserError, match=r"copy\.deepcopy; found TypeError"):
        permuted_twin(network)


class Failing(OwnNetwork):
    def forward(self, images: Tensor) -> Tensor:
        if len(images) > 1:
            raise ZeroDivisionError
        return super().forward(images)


def test_no_trace_is_left_when_the_network_fails_after_the_first_look() -> None:
    network = Failing().train()
    with pytest.raises(ZeroDivisionError):
        profile_attention(network, [IMAGES])
    assert traces(network) == 0
    assert network.training


def test_as_many_images_as_tokens_are_not_mistaken_for_them() -> None:
    network = foreign("encoder, tokens first")
    images = torch.randn(16, 3, 32, 32, generator=torch.Generator().manual_seed(4))
    whole, halves = profile_attention(network, [images]), profile_attention(network, [images[:7], images[7:]])
    key = "all/norm_weighted/far_field_ratio"
    assert whole.model[key] == pytest.approx(halves.model[key], abs=1e-6)


def test_a_hybrid_of_ours_is_measured_alike_inside_a_wrapper() -> None:
    torch.manual_seed(0)
    model = create_model("unetr", num_classes=3, num_blocks=2, size="tiny", image_size=32, patch_size=8)
    batch = Batch(IMAGES[:, :1], None, ("one", "two"))
    plain, wrapped = profile_attention(model, [batch]), profile_attention(Wrapped(model), [batch])
    assert wrapped.block_names == ("body.transformer.blocks.0", "body.transformer.blocks.1")
    for key, values in plain.model.items():
        np.testing.assert_array_equal(wrapped.model[key], values)
