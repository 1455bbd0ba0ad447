from typing import Any

import numpy as np
import pytest
import torch

from trimformer.models.sizes import SIZES
from trimformer.models.transunet import CascadedUpsampler, TransUNet


def test_the_upsampler_is_bilinear_with_aligned_corners() -> None:
    upsample = CascadedUpsampler(SIZES["tiny"], [8], [16]).upsample
    row = torch.tensor([0.0, 3.0]).expand(1, 1, 2, 2)
    np.testing.assert_allclose(upsample(row)[0, 0, 0].numpy(), [0.0, 1.0, 2.0, 3.0], atol=1e-6)


def test_the_upsampler_concatenates_the_upsampled_before_the_skip() -> None:
    upsampler: Any = CascadedUpsampler(SIZES["tiny"], [1], [16])
    upsampler.first = torch.nn.Identity()
    seen: list[torch.Tensor] = []
    upsampler.steps[0].register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    tokens = torch.full((2, 128, 1, 1), 7.0)
    upsampler(tokens, [torch.full((2, 1, 2, 2), 3.0)])
    assert seen[0][0, :, 0, 0].tolist() == [7.0] * 128 + [3.0]


@pytest.mark.parametrize("patch_size", [8, 16])
@pytest.mark.parametrize("size", SIZES)
def test_the_last_features_are_as_many_at_every_size(size: str, patch_size: int) -> None:
    with torch.device("meta"):
        model: Any = TransUNet(num_classes=4, size=size, patch_size=patch_size)
    assert model.head.in_channels == 16
    assert model.decoder.steps[0][0][0].out_channels == SIZES[size].channels(256 if patch_size == 16 else 128)


def test_both_decoders_are_the_same_network() -> None:
    with torch.device("meta"):
        full, compressed = (TransUNet(num_classes=4, decoder=decoder) for decoder in ("full", "compressed"))
    assert {name: tensor.shape for name, tensor in full.state_dict().items()} == {
        name: tensor.shape for name, tensor in compressed.state_dict().items()
    }


def test_the_transformer_reads_trunk_features_position_by_position() -> None:
    with torch.device("meta"):
        model: Any = TransUNet(num_classes=4)
    assert model.transformer.patch_embed.proj.weight.shape == (768, 1024, 1, 1)
    assert sum(parameter.numel() for parameter in model.transformer.patch_embed.parameters()) == 787_200
    assert model.transformer.patch_size == 16
