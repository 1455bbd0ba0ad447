from pathlib import Path

import numpy as np
import pytest
import torch

from trimformer.attention.profile import profile_attention
from trimformer.attention.twin import permuted_twin
from trimformer.attention.twin_sample import TwinMeans, slice_draw
from trimformer.data.batch import Batch
from trimformer.models import SegmentationModel, create_model
from trimformer.records.profile import REGIONS, TWIN_SHARE, AttentionProfile

PATIENT_OF_SLICE = ("long",) * 5 + ("short",) * 2 + ("long",) * 9
"""Slices of two patients; the long one's come in two parts."""


def tiny() -> SegmentationModel:
    torch.manual_seed(0)
    return create_model("unetr", num_classes=3, num_blocks=2, size="tiny", image_size=32, patch_size=8)


def slices(patient_ids: tuple[str, ...], batch_size: int) -> list[Batch]:
    """Some without foreground."""
    images = torch.randn(len(patient_ids), 1, 32, 32, generator=torch.Generator().manual_seed(2))
    labels = torch.zeros(len(patient_ids), 32, 32, dtype=torch.uint8)
    for index in range(len(patient_ids)):
        labels[index, : 16 * (index % 3)] = 1
    return [
        Batch(images[chosen], labels[chosen], patient_ids[chosen], (1.0, 1.5))
        for chosen in (slice(start, start + batch_size) for start in range(0, len(patient_ids), batch_size))
    ]


def expected_sample(region: str) -> dict[str, list[int]]:
    """The slices that count: those with a draw below the share, else the lowest; slices without tokens come last."""
    images = torch.cat([batch.images for batch in slices(PATIENT_OF_SLICE, 16)])
    sample: dict[str, list[int]] = {}
    for patient in ("long", "short"):
        own = [index for index, name in enumerate(PATIENT_OF_SLICE) if name == patient]
        has_tokens = [index for index in own if region == "all" or index % 3]
        draws = {index: slice_draw(images[index], patient) for index in has_tokens}
        sample[patient] = [i for i in has_tokens if draws[i] < TWIN_SHARE] or [min(draws, key=draws.__getitem__)]
    return sample


@pytest.mark.parametrize("batch_size", [1, 5, 16])
def test_the_twin_sees_the_slices_with_a_low_draw_and_one_at_least(batch_size: int, tmp_path: Path) -> None:
    profile = profile_attention(tiny(), slices(PATIENT_OF_SLICE, batch_size), seed=3)
    every_slice = tuple(map(str, range(len(PATIENT_OF_SLICE))))
    each = profile_attention(permuted_twin(tiny(), 3), slices(every_slice, 16)).model
    tokens = {"all": np.full(16, 16), "foreground": np.array([8 * (index % 3) for index in range(16)])}
    for key, values in each.items():
        region = key.partition("/")[0]
        for patient, chosen in enumerate(expected_sample(region).values()):
            expected = np.average(values[chosen], axis=0, weights=tokens[region][chosen])
            assert profile.twin[key][patient] == pytest.approx(expected, abs=1e-6), key
    assert profile.twin_slices == tuple(map(len, expected_sample("all").values()))
    profile.save(tmp_path / "attention.json", tmp_path / "attention.npz")
    read = AttentionProfile.load(tmp_path / "attention.json", tmp_path / "attention.npz")
    assert read.twin_slices == profile.twin_slices
    for region in REGIONS:
        assert read.twin_draws[region].tolist() == profile.twin_draws[region].tolist()


def test_draws_are_even_and_depend_on_pixels_and_patient_alone() -> None:
    images = torch.randn(2000, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    draws = np.array([slice_draw(image, "a") for image in images])
    assert np.histogram(draws, bins=4, range=(0, 1))[0] == pytest.approx([500] * 4, abs=80)
    assert slice_draw(images[0].clone(), "a") == draws[0]
    assert slice_draw(images[0], "b") != draws[0]


def test_a_patient_without_any_foreground_has_a_twin_on_all_tokens_alone() -> None:
    images = torch.randn(3, 1, 32, 32)
    twin = profile_attention(tiny(), [Batch(images, None, ("a",) * 3)]).twin
    assert np.isfinite(twin["all/entropy"]).all()
    assert np.isnan(twin["foreground/entropy"]).all()


class Seen:
    """What is measured of one batch: the first pixel of each slice, which counts once in each region."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch

    def values(self) -> dict[str, torch.Tensor]:
        return {f"{region}/pixel": self.batch.images[:, 0, 0, 0] for region in REGIONS}

    def weights(self) -> dict[str, torch.Tensor]:
        return dict.fromkeys(REGIONS, torch.ones(len(self.batch.images)))


def test_slices_wait_for_others_of_their_spacing_and_those_overtaken_are_never_seen() -> None:
    seen: list[Batch] = []

    def watch(batch: Batch) -> Seen:
        seen.append(batch)
        return Seen(batch)

    means = TwinMeans(watch)
    images = torch.randn(6, 1, 4, 4, generator=torch.Generator().manual_seed(5))
    draws = [slice_draw(image, "a") for image in images]
    images = images[np.argsort(draws)[::-1].copy()]  # each draw is below the one before
    assert min(draws) > TWIN_SHARE
    for patient, spacing in (("a", (1.0, 1.0)), ("b", (2.0, 1.0))):
        weights = dict.fromkeys(REGIONS, torch.ones(len(images)))
        means.consider(Batch(images, None, (patient,) * 6, spacing), weights)
    means.see()
    assert [(batch.patient_ids, batch.spacing_mm) for batch in seen] == [(("a",), (1.0, 1.0)), (("b",), (2.0, 1.0))]
    assert means.means.means()["all/pixel"][0] == pytest.approx(float(images[-1, 0, 0, 0]))
    assert means.num_slices() == (1, 1)
