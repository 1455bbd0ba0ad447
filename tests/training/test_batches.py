import numpy as np
import torch

from trimformer.data.augmentation import Augmentation
from trimformer.data.preparation.native_grid import NativeGrid
from trimformer.data.preparation.slices import PatientSlices
from trimformer.data.preprocessing import Preprocessing
from trimformer.data.training_set import SliceDataset
from trimformer.records.settings import AugmentationSettings
from trimformer.training.batches import EpochSampler, selection_batches, training_batches

SIZE = 16


def order(sampler: EpochSampler, epoch: int) -> list[int]:
    sampler.set_epoch(epoch)
    return list(sampler)


def arrays() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    images = random.normal(size=(6, 1, SIZE, SIZE)).astype(np.float16)
    return images, random.integers(0, 3, (6, SIZE, SIZE), np.uint8)


def patient() -> PatientSlices:
    grid = NativeGrid.of((SIZE, SIZE, 6), np.eye(4), Preprocessing(SIZE))
    return PatientSlices("a", *arrays(), grid, (1.0, 1.0))


def test_every_slice_comes_once_an_epoch_in_an_order_that_seed_and_epoch_decide() -> None:
    sampler, again, other = EpochSampler(20, seed=1), EpochSampler(20, seed=1), EpochSampler(20, seed=2)
    assert sorted(order(sampler, 0)) == list(range(20))
    assert order(sampler, 3) == order(again, 3)
    assert len({tuple(order(sampler, 0)), tuple(order(sampler, 1)), tuple(order(other, 0))}) == 3


def test_every_epoch_has_draws_of_its_own() -> None:
    sampler = EpochSampler(20, seed=1)
    assert sorted(draw for epoch in range(3) for draw in order(sampler, epoch)) == list(range(60))


def test_the_order_of_slices_is_the_one_that_runs_were_made_with() -> None:
    generator = torch.Generator().manual_seed(3 * 100_003 + 2)
    slices = [draw % 20 for draw in order(EpochSampler(20, seed=3), 2)]
    assert slices == torch.randperm(20, generator=generator).tolist()


def test_epochs_of_an_augmented_training_differ_and_come_again() -> None:
    augment = Augmentation(AugmentationSettings(probability=1))

    def epoch(number: int) -> list[torch.Tensor]:
        batches = training_batches(SliceDataset([patient()], augment, seed=5), batch_size=2, seed=5)
        sampler = batches.sampler
        assert isinstance(sampler, EpochSampler)
        slices = [draw % 6 for draw in order(sampler, number)]
        images = torch.cat([images for images, _ in batches])
        return [images[slices.index(index)] for index in range(6)]

    first, second, again = epoch(0), epoch(1), epoch(1)
    assert not any(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    assert all(torch.equal(one, other) for one, other in zip(second, again, strict=True))


def test_selection_is_every_slice_in_order_as_it_is() -> None:
    images, labels = map(torch.cat, zip(*selection_batches(SliceDataset([patient()]), batch_size=4), strict=True))
    expected, truth = map(torch.from_numpy, arrays())
    assert torch.equal(images, expected.float())
    assert torch.equal(labels, truth.long())
