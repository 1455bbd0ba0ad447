from typing import Any

import numpy as np
import pytest
import torch

from trimformer.attention.measures.geometry import Region, covering_tokens, token_distances
from trimformer.attention.measures.region_measures import RegionMeasures
from trimformer.attention.measures.rollout import half_residual, norm_weighted
from trimformer.attention.profile import profile_attention
from trimformer.attention.transformer.blocks import find_transformer
from trimformer.attention.transformer.observe import AttentionCall, observe_attention
from trimformer.data.batch import Batch
from trimformer.models import SegmentationModel, create_model
from trimformer.records.errors import UserError
from trimformer.records.profile import FIELD_MEASURES, FIELDS, MEASURES, REGIONS

SPACING = (1.5, 2.0)


def tiny(num_blocks: int = 3) -> SegmentationModel:
    torch.manual_seed(0)
    model = create_model("unetr", num_classes=3, num_blocks=num_blocks, size="tiny", image_size=48, patch_size=8)
    blocks: Any = model.transformer.blocks
    for block in blocks:
        block.attn.qkv.weight.data *= 8  # sharper than at random, so that the measures differ
    return model


def batches() -> list[Batch]:
    generator = torch.Generator().manual_seed(2)
    made = []
    for patient, slices in (("p1", 3), ("p2", 2), ("p1", 1)):
        images = torch.randn(slices, 1, 48, 48, generator=generator)
        labels = torch.zeros(slices, 48, 48, dtype=torch.uint8)
        labels[:, 8:40, 10 : 30 + 4 * slices] = 1
        made.append(Batch(images, labels, (patient,) * slices, SPACING))
    return made


def test_a_profile_equals_all_slices_measured_at_once() -> None:
    model = tiny().eval()
    profile = profile_attention(model, batches())
    assert profile.patient_ids == ("p1", "p2")
    assert (profile.num_blocks, profile.num_heads, profile.grid_size) == (3, 3, (6, 6))
    own = [batch for batch in batches() if batch.patient_ids[0] == "p1"]
    images, labels = torch.cat([b.images for b in own]), torch.cat([b.labels for b in own if b.labels is not None])
    region = Region.of(
        covering_tokens(labels > 0, 8),
        token_distances((6, 6), (8.0, 8.0)).float(),
        token_distances((6, 6), (12.0, 16.0)).float(),
    )
    measure, weights = RegionMeasures(region), region.num_tokens
    calls: list[AttentionCall] = []
    with torch.no_grad(), observe_attention(find_transformer(model, images).blocks, calls.append):
        model(images)
    rollouts = {"norm_weighted": torch.eye(36).expand(4, 36, 36), "half_residual": torch.eye(36).expand(4, 36, 36)}
    for index, call in enumerate(calls):
        maps = call.maps()
        rollouts["norm_weighted"] = norm_weighted(call, maps) @ rollouts["norm_weighted"]
        rollouts["half_residual"] = half_residual(maps) @ rollouts["half_residual"]
        expected = {f"foreground/{name}": value for name, value in measure(maps).items()}
        for name, field in (rollouts | {"per_block": maps.mean(dim=1)}).items():
            expected |= {f"foreground/{name}/{key}": value for key, value in measure.field(field).items()}
        for key, value in expected.items():
            mean = (value * weights.view(-1, *[1] * (value.ndim - 1))).sum(dim=0) / weights.sum()
            assert profile.model[key][0, index] == pytest.approx(mean.detach().numpy(), abs=1e-5), key


def test_a_profile_holds_every_measure_for_the_model_the_twin_and_uniform_attention() -> None:
    profile = profile_attention(tiny(2), batches())
    per_head = {f"{region}/{measure}" for region in REGIONS for measure in MEASURES}
    per_block = {f"{r}/{f}/{m}" for r in REGIONS for f in FIELDS for m in FIELD_MEASURES}
    for values in (profile.model, profile.twin):
        assert values.keys() == per_head | per_block
        assert all(values[key].shape == (2, 2, 3) and np.isfinite(values[key]).all() for key in per_head)
        assert all(values[key].shape == (2, 2) and np.isfinite(values[key]).all() for key in per_block)
    assert profile.uniform.keys() == per_head
    assert profile.uniform["foreground/far_field_ratio"] == pytest.approx(1, abs=1e-5)
    assert (profile.twin["all/entropy"] != profile.model["all/entropy"]).any()


def test_a_model_in_training_is_profiled_without_dropout_and_stays_in_training() -> None:
    model = tiny(1).train()
    head: Any = model.head
    head.eval()
    first, second = (profile_attention(model, batches()).model["all/entropy"] for _ in range(2))
    assert np.array_equal(first, second)
    assert model.training
    assert not head.training


def test_plain_tensors_count_as_one_patient_without_foreground() -> None:
    profile = profile_attention(tiny(1), [torch.zeros(2, 1, 48, 48)])
    assert len(profile.patient_ids) == 1
    assert np.isfinite(profile.model["all/mixing"]).all()
    assert np.isnan(profile.model["foreground/mixing"]).all()


def test_the_example_is_the_slice_with_the_most_foreground() -> None:
    profile = profile_attention(tiny(2), batches())
    assert profile.example["image"] == pytest.approx(batches()[0].images[0, 0].numpy())
    assert profile.example["maps"].shape == (2, 36, 36)
    assert profile.example["maps"].astype(float).sum(axis=-1) == pytest.approx(1, abs=1e-2)


def test_what_cannot_be_profiled_is_said() -> None:
    with pytest.raises(UserError, match="at least one batch"):
        profile_attention(tiny(1), [])
    with pytest.raises(UserError, match="has transformer blocks"):
        profile_attention(tiny(0), batches())
