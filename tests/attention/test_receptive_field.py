from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from brute_force import far_ratios, positions
from foreign_networks import foreign, traces

from trimformer.attention.measures.geometry import Region, token_distances
from trimformer.attention.measures.receptive_field import (
    centred,
    field_values,
    measure_receptive_field,
    receptive_field_sums,
)
from trimformer.data.batch import Batch
from trimformer.models import SegmentationModel, create_model
from trimformer.records.errors import UserError
from trimformer.records.patient_measures import PatientMeasures

GRID = (4, 5)


def region(tokens: torch.Tensor) -> Region:
    distances = token_distances(GRID, (3.0, 2.0)).float()
    return Region.of(tokens, distances, distances)


def some_tokens() -> torch.Tensor:
    tokens = torch.zeros(2, 20, dtype=torch.bool)
    tokens[0, [1, 2, 3, 6, 8, 9, 13, 14, 17]] = True
    tokens[1, :5] = True  # too few: the slice is left out
    return tokens


def test_the_far_field_ratio_of_sampled_rows_equals_sums_over_pairs() -> None:
    fields = torch.rand(3, 2, 2, 20, generator=torch.Generator().manual_seed(0)).softmax(dim=-1)
    queries, tokens = torch.tensor([[2, 14], [0, 1]]), some_tokens()
    found = field_values(fields, queries, region(tokens))
    kept = tokens[0].nonzero()[:, 0].tolist()
    points = [positions(*GRID, 3, 2)[token] for token in kept]
    for depth in range(3):
        rows = np.zeros((len(kept), len(kept)))
        for sampled, query in enumerate(queries[0].tolist()):
            rows[kept.index(query)] = fields[depth, 0, sampled, kept].numpy()
        ratios = far_ratios(rows, points)
        chosen = [ratios[kept.index(query)] for query in queries[0].tolist()]
        assert found["far_field_ratio"][0, depth] == pytest.approx(np.mean(chosen), abs=1e-6)
        assert found["far_query_share"][0, depth] == np.mean([ratio >= 0.25 for ratio in chosen])
        own = [1 - float(fields[depth, 0, sampled, query]) for sampled, query in enumerate(queries[0].tolist())]
        assert found["outside_share"][0, depth] == pytest.approx(np.mean(own), abs=1e-6)
    assert all(value.shape == (2, 3) and value[1].isnan().all() for value in found.values())


def test_a_uniform_field_is_1_and_a_field_of_the_own_patch_0() -> None:
    tokens, queries = torch.ones(1, 20, dtype=torch.bool), torch.tensor([[0, 7, 19]])
    fields = torch.stack([torch.full((1, 3, 20), 1 / 20), torch.eye(20)[queries]])
    found = field_values(fields, queries, region(tokens))
    assert found["far_field_ratio"][0].tolist() == pytest.approx([1, 0], abs=1e-6)
    assert found["far_query_share"][0].tolist() == [1, 0]
    assert found["outside_share"][0].tolist() == pytest.approx([0.95, 0], abs=1e-6)


def test_a_centred_field_has_the_query_in_its_middle() -> None:
    fields = torch.rand(2, 2, 2, 20, generator=torch.Generator().manual_seed(1))
    queries = torch.tensor([[2, 14], [0, 1]])
    found = centred(fields, queries, region(some_tokens()), GRID)
    assert found.shape == (2, 2, 7, 9)
    assert found[1].isnan().all()
    expected: dict[tuple[int, int], list[float]] = {}
    for sampled, query in enumerate(queries[0].tolist()):
        for key in range(20):
            place = (key // 5 - query // 5 + 3, key % 5 - query % 5 + 4)
            expected.setdefault(place, []).append(float(fields[1, 0, sampled, key]))
    for row in range(7):
        for column in range(9):
            mean = np.mean(expected[row, column]) if (row, column) in expected else np.nan
            assert float(found[0, 1, row, column]) == pytest.approx(mean, abs=1e-6, nan_ok=True)


def tiny(name: str) -> SegmentationModel:
    torch.manual_seed(0)
    return create_model(name, num_classes=3, num_blocks=2, size="tiny", image_size=48, patch_size=8)


def batch_of(patients: str, seed: int, foreground: int = 1) -> Batch:
    labels = torch.zeros(len(patients), 48, 48, dtype=torch.uint8)
    labels[:, 8:40, 10:38] = foreground
    images = torch.randn(len(patients), 1, 48, 48, generator=torch.Generator().manual_seed(seed))
    return Batch(images, labels, tuple(patients), (1.5, 2.0))


def test_a_hybrid_without_a_trunk_begins_with_single_patches_and_one_with_a_trunk_does_not() -> None:
    plain = measure_receptive_field(tiny("unetr"), [batch_of("ab", 1)], tokens_per_slice=2)
    assert plain.patient_ids == ("a", "b")
    for name in ("foreground", "all"):
        assert plain.measures[f"{name}/far_field_ratio"].shape == (2, 3)
        assert plain.measures[f"{name}/far_field_ratio"][:, 0].tolist() == [0, 0]
        assert (plain.measures[f"{name}/far_field_ratio"][:, 1:] > 0).all()
        picture = plain.pictures[f"{name}/centred"]
        assert picture.shape == (3, 11, 11)
        assert picture[0, 5, 5] == 1
        assert np.nansum(picture[0]) == 1
    trunk = measure_receptive_field(tiny("transunet"), [batch_of("ab", 1)], tokens_per_slice=2)
    assert (trunk.measures["foreground/far_field_ratio"][:, 0] > 0).all()


def test_two_halves_merged_equal_the_whole_and_the_model_is_left_as_it_was() -> None:
    model, batches = tiny("unetr").double(), [batch_of("aab", 1), batch_of("b", 2), batch_of("a", 3, foreground=0)]
    batches = [replace(batch, images=batch.images.double()) for batch in batches]
    frozen = next(model.parameters()).requires_grad_(False)
    settings: Any = {"tokens_per_slice": 2, "num_projections": 2, "seed": 3}
    whole = measure_receptive_field(model, batches, **settings)
    assert model.training
    assert traces(model) == 0
    assert not frozen.requires_grad
    assert sum(not weight.requires_grad for weight in model.parameters()) == 1
    assert all(weight.grad is None for weight in model.parameters())
    slices = [
        replace(batch, images=batch.images[[index]], labels=labels[[index]], patient_ids=(patient,), foreground=None)
        for batch in batches
        if (labels := batch.labels) is not None
        for index, patient in enumerate(batch.patient_ids)
    ]
    sums = receptive_field_sums(model, slices[::2], **settings)
    sums.merge(receptive_field_sums(model, slices[1::2], **settings))
    merged = sums.measures()
    order = [merged.patient_ids.index(patient) for patient in whole.patient_ids]
    for name, values in whole.measures.items():
        assert merged.measures[name][order] == pytest.approx(values, abs=1e-6), name
    for name, values in whole.pictures.items():
        assert merged.pictures[name] == pytest.approx(values, abs=1e-6, nan_ok=True), name


def test_a_foreign_network_with_prefix_tokens_and_plain_images() -> None:
    found = measure_receptive_field(foreign("dinov2"), [torch.randn(2, 3, 32, 32)], tokens_per_slice=1)
    assert found.patient_ids == ("unnamed",)
    assert np.isnan(found.measures["foreground/far_field_ratio"]).all()
    assert np.isfinite(found.measures["all/far_field_ratio"]).all()
    assert found.measures["all/outside_share"][0, 0] == pytest.approx(0, abs=1e-6)
    assert found.about["block_names"] == ["blocks.0", "blocks.1"]


def test_what_is_saved_is_read_back_with_intervals_beside_it(tmp_path: Path) -> None:
    found = measure_receptive_field(tiny("unetr"), [batch_of("abc", 1)], tokens_per_slice=1)
    files = (tmp_path / "receptive_field.json", tmp_path / "receptive_field.npz")
    found.save(*files)
    read = PatientMeasures.load(*files, "Measure again.")
    assert read.patient_ids == found.patient_ids
    assert read.about == found.about
    for mine, theirs in ((found.measures, read.measures), (found.pictures, read.pictures)):
        assert mine.keys() == theirs.keys()
        assert all(np.array_equal(mine[name], theirs[name], equal_nan=True) for name in mine)
    interval = found.summary()["all/far_field_ratio"]
    assert interval["low"][2] < interval["mean"][2] < interval["high"][2]
    files[0].write_text("{}")
    with pytest.raises(UserError, match="must hold measures of patients"):
        PatientMeasures.load(*files, "Measure again.")
