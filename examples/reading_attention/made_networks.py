"""Networks that nobody trained, and networks whose values were overwritten."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import timm
import torch
from torch import nn

import trimformer as tf

VALUES = ("as it was built", "values are 0", "values are all alike")


def random_vit() -> tf.AttentionProfile:
    """The profile of the first block of a ViT-B/16 that nobody trained, on noise."""
    torch.manual_seed(0)
    vit = timm.create_model("vit_base_patch16_224", pretrained=False, depth=1)
    return tf.profile_attention(vit, [torch.randn(1, 3, 224, 224)])


@dataclass(frozen=True)
class Reached:
    """From how far a patch's state comes after three blocks."""

    far: dict[str, float]
    """The far-field ratio by four measures, and the share of the receptive field outside the query's own patch."""
    picture: np.ndarray
    """The mean receptive field (27, 27), its query in the middle."""


@cache
def reached(kind: str) -> Reached:
    """What four measures say of a small UNETR whose values were overwritten."""
    torch.manual_seed(0)
    model = tf.create_model("unetr", num_classes=2, num_blocks=3, size="tiny", image_size=112, patch_size=8)
    for name, module in model.named_modules():
        if name.endswith("attn.qkv"):
            _overwrite_values(module, kind)
    images = torch.randn(1, 1, 112, 112, generator=torch.Generator().manual_seed(1))
    profile = tf.profile_attention(model, [images]).model
    field = tf.measure_receptive_field(model, [images], tokens_per_slice=8)
    far = {
        "attention": profile["all/per_block/far_field_ratio"],
        "rollout": profile["all/half_residual/far_field_ratio"],
        "norm-weighted": profile["all/norm_weighted/far_field_ratio"],
        "receptive field": field.measures["all/far_field_ratio"],
        "outside the patch": field.measures["all/outside_share"],
    }
    return Reached({name: float(values[0, -1]) for name, values in far.items()}, field.pictures["all/centred"][-1])


@torch.no_grad()
def _overwrite_values(qkv: nn.Module, kind: str) -> None:
    """The last third of the layer gives the values."""
    assert isinstance(qkv, nn.Linear)
    width = qkv.in_features
    if kind != VALUES[0]:
        qkv.weight[2 * width :] = 0
        qkv.bias[2 * width :] = 0 if kind == VALUES[1] else 1
