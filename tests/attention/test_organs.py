from itertools import product

import numpy as np
import pytest
import torch
from foreign_networks import IMAGES, foreign, reference_maps

from trimformer.attention.measures.organs import cover_of, measure_organs, organ_mass, organ_sums, uniform_mass
from trimformer.data.batch import Batch
from trimformer.records.errors import UserError

ORGANS = {1: "liver", 4: "pancreas", 9: "spleen"}


def batch(patients: str = "pp") -> Batch:
    """The liver on the upper patches, the pancreas beside and partly on one of them; nobody has a spleen."""
    labels = torch.zeros(2, 32, 32, dtype=torch.uint8)
    labels[:, :12, :20] = 1
    labels[:, 12:20, 4:9] = 4
    labels[1, :20] = 0
    labels[1, 20:, :10] = 1
    return Batch(IMAGES, labels, tuple(patients))


def covers(labels: np.ndarray, organ: int) -> list[int]:
    cells = [labels[8 * r : 8 * r + 8, 8 * c : 8 * c + 8] for r in range(4) for c in range(4)]
    return [index for index, cell in enumerate(cells) if (cell == organ).any()]


def by_loops(maps: np.ndarray, labels: np.ndarray, first: int, second: int) -> tuple[float, float]:
    """The mean share of the first organ's queries on the second's keys over all slices, and that over uniform."""
    own, even = [], []
    for slice_maps, slice_labels in zip(maps, labels, strict=True):
        keys = covers(slice_labels, second)
        for query in covers(slice_labels, first):
            own.append(sum(float(slice_maps[query, key]) for key in keys))
            even.append(len(keys) / 16)
    return float(np.mean(own)) if own else np.nan, sum(own) / sum(even) if sum(even) else np.nan


def patches_only(maps: torch.Tensor) -> np.ndarray:
    maps = maps[..., -16:, -16:]
    return (maps / maps.sum(dim=-1, keepdim=True)).numpy()


@pytest.mark.parametrize("name", ["vit", "encoder, tokens first"])
def test_every_organs_attention_equals_loops_over_queries_and_keys(name: str) -> None:
    network, given = foreign(name), batch()
    found = measure_organs(network, [given], ORGANS)
    with torch.no_grad():
        references = [patches_only(maps) for maps in reference_maps(network, IMAGES)]
    labels = given.labels.numpy()  # type: ignore[union-attr]
    for block, head, a, b in product(range(2), range(3), range(3), range(3)):
        organs = [list(ORGANS)[index] for index in (a, b)]
        share, over = by_loops(references[block][:, head], labels, *organs)
        assert found.measures["share"][0, block, head, a, b] == pytest.approx(share, abs=1e-5, nan_ok=True)
        assert found.measures["over_uniform"][0, block, head, a, b] == pytest.approx(over, abs=1e-5, nan_ok=True)
    assert found.about["organs"] == list(ORGANS.values())


def test_uniform_attention_has_the_uniform_mass_whatever_the_organs_sizes() -> None:
    cover = cover_of(batch(), tuple(ORGANS), (8, 8))
    mass = torch.cat([organ_mass(torch.full((1, 16, 16), 1 / 16), of_image) for of_image in cover])
    assert mass[0, 0, 1] > 0
    assert mass.numpy() == pytest.approx(uniform_mass(cover).numpy())


def test_two_halves_of_a_patient_merged_equal_the_whole() -> None:
    network, whole = foreign("vit"), batch()
    halves = [Batch(IMAGES[[index]], whole.labels[[index]], ("p",)) for index in range(2)]  # type: ignore[index]
    sums = organ_sums(network, halves[:1], ORGANS)
    sums.merge(organ_sums(network, halves[1:], ORGANS))
    merged = sums.measures().measures
    for name, values in measure_organs(network, [whole], ORGANS).measures.items():
        assert merged[name] == pytest.approx(values, abs=1e-6, nan_ok=True), name


def test_who_lacks_an_organ_has_no_number_for_it() -> None:
    over = measure_organs(foreign("vit"), [batch("pq")], ORGANS).measures["over_uniform"]
    assert np.isfinite(over[0, :, :, :2, :2]).all()
    assert np.isfinite(over[1, :, :, 0, 0]).all()
    assert np.isnan(over[1, :, :, 1]).all()  # the second patient has no pancreas
    assert np.isnan(over[1, :, :, :, 1]).all()


def test_organs_need_labels() -> None:
    with pytest.raises(UserError, match="a batch without labels"):
        measure_organs(foreign("vit"), [Batch(IMAGES)], ORGANS)
