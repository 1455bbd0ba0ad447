from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from trimformer.data.augmentation import Augmentation
from trimformer.data.preparation.native_grid import NativeGrid
from trimformer.data.preparation.slices import PatientSlices
from trimformer.data.preprocessing import Preprocessing
from trimformer.data.training_set import SliceDataset, draw_seed
from trimformer.records.errors import UserError
from trimformer.records.settings import AugmentationSettings

SIZE = 16
GRID = NativeGrid.of((SIZE, SIZE, 1), np.eye(4), Preprocessing(SIZE))


def patient(patient_id: str, images: np.ndarray, labels: np.ndarray | None) -> PatientSlices:
    return PatientSlices(patient_id, images, labels, GRID, (1.0, 1.0))


def texture(count: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    images = random.normal(size=(count, 2, SIZE, SIZE)).astype(np.float16)
    return images, random.integers(0, 3, (count, SIZE, SIZE), np.uint8)


def slices(patient_id: str, value: int, count: int) -> PatientSlices:
    labels = np.full((count, SIZE, SIZE), value, np.uint8)
    return patient(patient_id, labels[:, None].astype(np.float16), labels)


def textured(count: int) -> PatientSlices:
    return patient("textured", *texture(count))


def augmented(seed: int = 0, **changes: Any) -> SliceDataset:
    augment = Augmentation(AugmentationSettings(**{"probability": 1, **changes}))
    return SliceDataset([textured(2), textured(3)], augment, seed)


def same(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> bool:
    return torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])


def test_a_draw_is_known_by_patient_and_slice() -> None:
    dataset = SliceDataset([slices("a", 0, 2), slices("b", 1, 3)])
    assert [dataset.origin(draw) for draw in (0, 1, 2, 4, 5)] == [("a", 0), ("a", 1), ("b", 0), ("b", 2), ("a", 0)]


def test_slices_follow_each_other_patient_by_patient() -> None:
    dataset = SliceDataset([slices("a", 1, 2), slices("b", 3, 1), slices("c", 5, 0), slices("d", 6, 2)])
    assert [int(labels.max()) for _, labels in (dataset[index] for index in range(len(dataset)))] == [1, 1, 3, 6, 6]
    image, labels = dataset[2]
    assert (image.shape, image.dtype) == ((1, SIZE, SIZE), torch.float32)
    assert (labels.shape, labels.dtype) == ((SIZE, SIZE), torch.int64)
    assert torch.equal(image[0], labels.float())


def test_every_slice_is_the_one_that_its_patient_has() -> None:
    dataset = SliceDataset([textured(2), textured(3)])
    for index, (image, labels) in enumerate(dataset[index] for index in range(5)):
        count, place = (2, index) if index < 2 else (3, index - 2)
        images, truth = texture(count)
        assert torch.equal(image, torch.from_numpy(images[place]).float())
        assert torch.equal(labels, torch.from_numpy(truth[place]).long())


def test_arrays_mapped_from_disk_are_read_where_they_lie(tmp_path: Path) -> None:
    for name, array in zip(("images", "labels"), texture(3), strict=True):
        np.save(tmp_path / f"{name}.npy", array)
    images, labels = (np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("images", "labels"))
    mapped = SliceDataset([patient("mapped", images, labels)])
    np.lib.format.open_memmap(tmp_path / "images.npy", mode="r+")[1] = 7  # what was copied before would not see this
    assert torch.equal(mapped[1][0], torch.full((2, SIZE, SIZE), 7.0))
    assert same(mapped[2], SliceDataset([textured(3)])[2])
    mapped[2][0].zero_()  # what is given belongs to whoever asked
    assert same(mapped[2], SliceDataset([textured(3)])[2])


def test_a_patient_without_labels_is_named() -> None:
    with pytest.raises(UserError, match="no labels for b"):
        SliceDataset([slices("a", 1, 1), patient("b", np.zeros((1, 1, SIZE, SIZE), np.float16), None)])
    with pytest.raises(UserError, match="no patient"):
        SliceDataset([])


def test_later_draws_are_the_same_slices_again() -> None:
    dataset = SliceDataset([textured(2), textured(3)])
    assert all(same(dataset[index], dataset[3 * len(dataset) + index]) for index in range(len(dataset)))


def test_augmentation_depends_on_seed_and_draw_alone() -> None:
    dataset = augmented(seed=1)
    draws = [4, 0, 7, 12, 2]
    first = [dataset[draw] for draw in draws]
    again = [augmented(seed=1)[draw] for draw in reversed(draws)]
    assert all(same(one, other) for one, other in zip(first, reversed(again), strict=True))
    assert not same(dataset[2], dataset[7])
    assert not same(dataset[2], augmented(seed=2)[2])


def test_a_loader_with_workers_gives_the_same_batches_as_one_without() -> None:
    alone, shared = (DataLoader(augmented(), 4, sampler=range(5, 15), num_workers=count) for count in (0, 2))
    for one, other in zip(alone, shared, strict=True):
        assert same(one, other)


def test_labels_of_an_augmented_slice_are_its_own() -> None:
    flips: dict[str, Any] = {
        "rotation_degrees": 0,
        "scaling": (1, 1),
        "elastic_px": 0,
        "gamma": (1, 1),
        "bias": 0,
        "noise": 0,
    }
    image, labels = augmented(flip_axes=["columns"], **flips)[3]
    whole = SliceDataset([textured(2), textured(3)])[3]
    assert same((image, labels), (whole[0].flip(2), whole[1].flip(1)))
    assert labels.dtype == torch.int64


def test_seeds_of_draws_differ_within_a_training_and_between_two() -> None:
    assert len({draw_seed(seed, draw) for seed in range(20) for draw in range(200)}) == 4000
