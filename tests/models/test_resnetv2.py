from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from trimformer.models.resnetv2 import Bottleneck, ResNetV2Trunk, standardised_conv
from trimformer.models.sizes import SIZES

Array = npt.NDArray[np.float64]


def test_weight_standardisation_by_hand() -> None:
    conv = standardised_conv(3, 2, 3).double()
    weight = conv.weight.detach().numpy()
    mean = weight.mean(axis=(1, 2, 3), keepdims=True)
    variance = ((weight - mean) ** 2).sum(axis=(1, 2, 3), keepdims=True) / 27
    standardised = (weight - mean) / np.sqrt(variance + 1e-5)
    patch = np.random.default_rng(0).normal(size=(3, 3, 3))
    expected = (standardised * patch).sum(axis=(1, 2, 3))
    found = conv(torch.tensor(patch)[None])[0, :, 1, 1].detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_the_trunk_of_transunet_at_base_size() -> None:
    with torch.device("meta"):
        trunk = ResNetV2Trunk((3, 4, 9), SIZES["base"])
        features, skips = trunk(torch.empty(2, 3, 224, 224))
    assert sum(parameter.numel() for parameter in trunk.parameters()) == 11_894_848
    assert features.shape == (2, 1024, 14, 14)
    assert [tuple(skip.shape) for skip in skips] == [(2, 512, 28, 28), (2, 256, 56, 56), (2, 64, 112, 112)]


def test_two_stages_for_patches_of_8() -> None:
    with torch.device("meta"):
        features, skips = ResNetV2Trunk((3, 4), SIZES["base"])(torch.empty(2, 3, 112, 112))
    assert features.shape == (2, 512, 14, 14)
    assert [tuple(skip.shape) for skip in skips] == [(2, 256, 28, 28), (2, 64, 56, 56)]


def test_stage_1_runs_on_55_rows_and_only_its_skip_is_padded_to_56() -> None:
    trunk = ResNetV2Trunk((1, 1), SIZES["tiny"]).eval()
    seen: list[torch.Tensor] = []
    trunk.stages[1].register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    _, skips = trunk(torch.randn(1, 3, 224, 224))
    assert seen[0].shape == (1, 64, 55, 55)
    assert torch.equal(skips[0][..., :55, :55], seen[0])
    assert skips[0].shape == (1, 64, 56, 56)
    assert not skips[0][..., 55, :].any()
    assert not skips[0][..., :, 55].any()


def test_a_group_has_as_many_channels_at_every_size() -> None:
    per_group = {name: {module.num_channels / module.num_groups for module in first_unit_norms(name)} for name in SIZES}
    assert per_group == {"base": {2.0, 8.0}, "small": {2.0, 8.0}, "tiny": {2.0, 8.0}}


def first_unit_norms(size: str) -> list[torch.nn.GroupNorm]:
    with torch.device("meta"):
        trunk: Any = ResNetV2Trunk((1,), SIZES[size])
    unit = trunk.stages[0][0]
    return [unit.norm1, unit.norm2, unit.norm3]


def group_norm(x: Array, num_groups: int, eps: float) -> Array:
    grouped = x.reshape(num_groups, -1)
    centred = grouped - grouped.mean(1, keepdims=True)
    normalised: Array = centred / np.sqrt((centred**2).mean(1, keepdims=True) + eps)
    return normalised.reshape(x.shape)


def test_a_bottleneck_projects_what_comes_in_with_one_group_a_channel() -> None:
    unit: Any = Bottleneck(4, 8, stride=2, num_groups=2).double().eval()
    torch.nn.init.zeros_(unit.norm3.weight)  # leaves the projected residual alone
    image = np.random.default_rng(0).normal(size=(4, 6, 6))
    weight = unit.project[0].weight.detach().numpy()[:, :, 0, 0]
    centred = weight - weight.mean(1, keepdims=True)
    standardised = centred / np.sqrt((centred**2).mean(1, keepdims=True) + 1e-5)
    projected = np.einsum("oi,irc->orc", standardised, image[:, ::2, ::2])
    expected = np.maximum(group_norm(projected, num_groups=8, eps=1e-5), 0)
    found = unit(torch.tensor(image)[None])[0].detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
