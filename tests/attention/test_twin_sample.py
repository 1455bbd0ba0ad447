from pathlib import Path

import numpy as np
import pytest
import torch

from trimformer.attention.profile import profile_attention
from trimformer.attention.twin import permuted_twin
from trimformer.data.batch import Batch
from trimformer.models import SegmentationModel, create_model
from trimformer.records.profile import AttentionProfile

PATIENT_OF_SLICE = ("long",) * 5 + ("short",) * 2 + ("long",) * 9
"""Slices of two patients; the long one's come in two parts."""


def tiny() -> SegmentationModel:
    torch.manual_seed(0)
    return create_model("unetr", num_classes=3, num_blocks=2, size="tiny", image_size=32, patch_size=8)


def slices(patient_ids: tuple[str, ...], batch_size: int) -> list[Batch]:
    images = torch.randn(len(patient_ids), 1, 32, 32, generator=torch.Generator().manual_seed(2))
    labels = torch.zeros(len(patient_ids), 32, 32, dtype=torch.uint8)
    for index in range(len(patient_ids)):
        labels[index, : 16 + 8 * (index % 3)] = 1
    return [
        Batch(images[chosen], labels[chosen], patient_ids[chosen], (1.0, 1.5))
        for chosen in (slice(start, start + batch_size) for start in range(0, len(patient_ids), batch_size))
    ]


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_the_twin_sees_the_first_four_slices_of_a_patient_and_then_every_fourth_in_the_place_of_four(
    batch_size: int, tmp_path: Path
) -> None:
    profile = profile_attention(tiny(), slices(PATIENT_OF_SLICE, batch_size), seed=3)
    every_slice = tuple(map(str, range(len(PATIENT_OF_SLICE))))
    each = profile_attention(permuted_twin(tiny(), 3), slices(every_slice, 4)).model
    # of the long patient's slices 0 1 2 3 4 | 5 6 7 8 9 10 11 12 13, which are 0-4 and 7-15 of all
    long = {0: 1, 1: 1, 2: 1, 3: 1, 4: 4, 10: 4, 14: 4}
    tokens = np.array([8 + 4 * (index % 3) for index in range(16)])
    for key, values in each.items():
        queries = tokens if key.startswith("foreground") else np.full(16, 16)
        for patient, counts in enumerate((long, {5: 1, 6: 1})):
            chosen = list(counts)
            weights = queries[chosen] * np.array(list(counts.values()))
            expected = np.average(values[chosen], axis=0, weights=weights)
            assert profile.twin[key][patient] == pytest.approx(expected, abs=1e-6), key
    assert profile.twin_slices == (7, 2)
    profile.save(tmp_path / "attention.json", tmp_path / "attention.npz")
    assert AttentionProfile.load(tmp_path / "attention.json", tmp_path / "attention.npz").twin_slices == (7, 2)
