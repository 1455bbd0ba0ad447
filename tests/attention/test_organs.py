from itertools import product

import numpy as np
import pytest
import torch
from foreign_networks import IMAGES, foreign, reference_maps

from trimformer.attention.measures.organs import OrganSums, cover_of, measure_organs, organ_mass
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


def test_uniform_attention_is_1_everywhere_whatever_the_organs_sizes() -> None:
    cover = cover_of(batch(), tuple(ORGANS), 8)
    maps = torch.full((2, 1, 16, 16), 1 / 16)
    sums = OrganSums()
    sums.add(("p", "q"), organ_mass(maps, cover)[:, None], cover)
    over = sums.measures(ORGANS, ("b0",)).measures["over_uniform"]
    assert over[0, 0, 0, :2, :2] == pytest.approx(1)
    assert over[1, 0, 0, 0, 0] == pytest.approx(1)
    assert np.isnan(over[1, 0, 0, 1]).all()  # the second patient has no pancreas


def test_two_halves_merged_equal_the_whole() -> None:
    cover = cover_of(batch(), tuple(ORGANS), 8)
    maps = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)).softmax(dim=-1)
    masses = organ_mass(maps, cover)[:, None]
    whole, half, other = OrganSums(), OrganSums(), OrganSums()
    whole.add(("p", "p"), masses, cover)
    half.add(("p",), masses[:1], cover[:1])
    other.add(("p",), masses[1:], cover[1:])
    half.merge(other)
    for name, values in whole.measures(ORGANS, ("b0",)).measures.items():
        merged = half.measures(ORGANS, ("b0",)).measures[name]
        assert merged == pytest.approx(values, rel=1e-9, nan_ok=True), name


def test_organs_need_labels() -> None:
    with pytest.raises(UserError, match="a batch without labels"):
        measure_organs(foreign("vit"), [Batch(IMAGES)], ORGANS)
