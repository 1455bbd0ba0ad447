from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from timm.models.swin_transformer import SwinTransformer
from torch import nn

import trimformer as tf
from trimformer.models import create_model
from trimformer.records.errors import UserError
from trimformer.records.merged_profile import merge_profiles
from trimformer.records.profile import AttentionProfile

PATIENTS = ("a", "a", "a", "b", "b", "c", "c", "c", "c")


def sequence() -> nn.Module:
    torch.manual_seed(0)
    return create_model("unetr", num_classes=3, num_blocks=2, size="tiny", image_size=32, patch_size=8)


def windows() -> Any:
    torch.manual_seed(0)
    return SwinTransformer(
        img_size=32, patch_size=2, in_chans=1, embed_dim=12, depths=(1, 1), num_heads=(2, 3), window_size=4
    )


def profile(model: nn.Module, chosen: list[int], seed: int = 0) -> AttentionProfile:
    images = torch.randn(len(PATIENTS), 1, 32, 32, generator=torch.Generator().manual_seed(5))
    labels = torch.zeros(len(PATIENTS), 32, 32, dtype=torch.uint8)
    for index in range(1, len(PATIENTS)):  # the first slice has no foreground
        labels[index, : 8 + 2 * index, :24] = 1
    patients = tuple(PATIENTS[index] for index in chosen)
    return tf.profile_attention(model, [tf.Batch(images[chosen], labels[chosen], patients, (1.0, 1.5))], seed=seed)


def assert_same(first: AttentionProfile, other: AttentionProfile) -> None:
    assert first.patient_ids == other.patient_ids
    assert first.twin_slices == other.twin_slices
    for group in ("model", "twin", "uniform", "twin_draws", "example"):
        for key, values in getattr(other, group).items():
            np.testing.assert_allclose(getattr(first, group)[key], values, atol=1e-6, rtol=1e-6, err_msg=key)


@pytest.mark.parametrize("make", [sequence, windows])
@pytest.mark.parametrize(
    "parts",
    [[[0, 1, 2, 3, 4], [5, 6, 7, 8]], [[0, 1, 3, 5], [2, 4, 6, 7, 8]], [[0], [1, 3, 6], [2, 4, 5, 8], [7]]],
    ids=["by patient", "inside patients", "in four"],
)
def test_parts_merge_to_the_whole(make: Any, parts: list[list[int]], tmp_path: Path) -> None:
    model = make()
    merged = []
    for number, part in enumerate(parts):
        files = tmp_path / f"{number}.json", tmp_path / f"{number}.npz"
        profile(model, part).save(*files)
        merged.append(AttentionProfile.load(*files))
    assert_same(merge_profiles(merged), profile(model, list(range(len(PATIENTS)))))


def test_other_models_and_seeds_and_profiles_without_weights_are_refused() -> None:
    first, model = profile(sequence(), [0, 3]), sequence()
    with torch.no_grad():
        next(model.parameters()).add_(1)
    with pytest.raises(UserError, match="fingerprint"):
        merge_profiles([first, profile(model, [1])])
    with pytest.raises(UserError, match="seed 1 after 0"):
        merge_profiles([first, profile(sequence(), [1], seed=1)])
    with pytest.raises(UserError, match="block_names"):
        merge_profiles([first, profile(windows(), [1])])
    bare = AttentionProfile(
        first.patient_ids, first.block_names, 3, (4, 4), {}, {}, {}, {}, fingerprint=first.fingerprint
    )
    with pytest.raises(UserError, match="without weights"):
        merge_profiles([first, bare])
    with pytest.raises(UserError, match="at least one"):
        merge_profiles([])
