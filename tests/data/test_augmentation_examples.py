from typing import Any

import numpy as np
import pytest
import torch

from trimformer.data.augmentation import Augmentation
from trimformer.data.augmentation_examples import augmentation_preview
from trimformer.data.preparation.native_grid import NativeGrid
from trimformer.data.preparation.slices import PatientSlices
from trimformer.data.preprocessing import Preprocessing
from trimformer.data.training_set import SliceDataset
from trimformer.records.errors import UserError
from trimformer.records.settings import AugmentationSettings

SIZE = 16


def patient(patient_id: str, foreground: list[int], labelled: bool = True) -> PatientSlices:
    """Slices with so many labelled pixels each, on a grid whose rows run to the left."""
    count = len(foreground)
    images = np.random.default_rng(count).normal(size=(count, 2, SIZE, SIZE)).astype(np.float16)
    labels = np.zeros((count, SIZE * SIZE), np.uint8)
    for plane, pixels in zip(labels, foreground, strict=True):
        plane[:pixels] = 2
    grid = NativeGrid.of((SIZE, SIZE, count), np.diag([-1.0, 1, 1, 1]), Preprocessing(SIZE))
    return PatientSlices(patient_id, images, labels.reshape(count, SIZE, SIZE) if labelled else None, grid, (1.0, 2.0))


PATIENTS = [patient("a", [1, 5]), patient("b", [3, 0, 90, 7])]


def settings(**changes: Any) -> AugmentationSettings:
    return AugmentationSettings(**changes)


def test_the_slice_is_the_one_with_most_foreground_turned_upright() -> None:
    preview = augmentation_preview(PATIENTS, settings(), seed=0, num_epochs=1)
    assert (preview.patient_id, preview.original.note) == ("b", "slice 3 of 4")
    assert np.array_equal(preview.original.image, PATIENTS[1].images[2, 0, ::-1].astype(np.float32))
    assert np.count_nonzero(preview.original.labels) == 90
    assert preview.spacing_mm == (1.0, 2.0)
    assert not preview.enabled


def test_epochs_are_those_of_a_training_with_that_seed() -> None:
    chosen = settings(probability=0.5, enabled=True)
    preview = augmentation_preview(PATIENTS, chosen, seed=3, num_epochs=5)
    training = SliceDataset(PATIENTS, Augmentation(chosen), seed=3)
    for epoch, shown in enumerate(preview.epochs):
        image, labels = training[epoch * len(training) + 4]
        assert torch.equal(torch.from_numpy(shown.image), image[0].flip(0))
        assert torch.equal(torch.from_numpy(shown.labels).long(), labels.flip(0))
    assert preview.enabled


def test_each_epoch_says_what_happened_in_it() -> None:
    always = augmentation_preview(PATIENTS, settings(probability=1, gamma=(1, 1)), seed=0, num_epochs=2)
    assert {epoch.note for epoch in always.epochs} == {"rotation, scaling, elastic, bias field, noise"}
    never = augmentation_preview(PATIENTS, settings(probability=0), seed=0, num_epochs=2)
    assert {epoch.note for epoch in never.epochs} == {"nothing this time"}
    assert all(np.array_equal(epoch.image, never.original.image) for epoch in never.epochs)


def test_transforms_that_are_off_are_not_shown_and_the_others_stand_alone() -> None:
    chosen = settings(probability=0, elastic_px=0, noise=0, scaling=(1, 1), flip_axes=("columns",))
    preview = augmentation_preview(PATIENTS, chosen, seed=0, num_epochs=0)
    assert [shown.title for shown in preview.alone] == ["mirroring", "rotation", "bias field", "contrast"]
    mirrored, rotated, biased, _ = preview.alone
    assert (mirrored.note, rotated.note) == ("columns", "up to 15° either way")
    assert np.array_equal(mirrored.image, preview.original.image[:, ::-1])
    assert not np.array_equal(rotated.labels, preview.original.labels)
    assert np.array_equal(biased.labels, preview.original.labels)
    assert not np.array_equal(biased.image, preview.original.image)


def test_a_preview_of_nothing_is_refused() -> None:
    off = settings(rotation_degrees=0, scaling=(1, 1), elastic_px=0, gamma=(1, 1), bias=0, noise=0)
    with pytest.raises(UserError, match="every transform off"):
        augmentation_preview(PATIENTS, off, seed=0)
    with pytest.raises(UserError, match="no labels for c"):
        augmentation_preview([*PATIENTS, patient("c", [0], labelled=False)], settings(), seed=0)
