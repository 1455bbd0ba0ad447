import numpy as np
import pytest
import torch

from trimformer.data.augmentation import Augmentation
from trimformer.data.preparation.native_grid import NativeGrid
from trimformer.data.preparation.slices import PatientSlices
from trimformer.data.preprocessing import Preprocessing
from trimformer.data.training_set import SliceDataset
from trimformer.records.settings import AugmentationSettings, TrainingSettings
from trimformer.training.batches import EpochSampler, reading_ahead, selection_batches, training_batches

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
        batches = training_batches(SliceDataset([patient()], augment, seed=5), TrainingSettings(batch_size=2), seed=5)
        sampler = batches.sampler
        assert isinstance(sampler, EpochSampler)
        slices = [draw % 6 for draw in order(sampler, number)]
        images = torch.cat([images for images, _ in batches])
        return [images[slices.index(index)] for index in range(6)]

    first, second, again = epoch(0), epoch(1), epoch(1)
    assert not any(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    assert all(torch.equal(one, other) for one, other in zip(second, again, strict=True))


def test_selection_is_every_slice_in_order_as_it_is() -> None:
    images, labels = map(
        torch.cat, zip(*selection_batches(SliceDataset([patient()]), TrainingSettings(batch_size=4)), strict=True)
    )
    expected, truth = map(torch.from_numpy, arrays())
    assert torch.equal(images, expected.float())
    assert torch.equal(labels, truth.long())


def test_a_slice_that_comes_again_is_another_draw() -> None:
    sampler = EpochSampler(20, seed=1, weights=torch.ones(20, dtype=torch.float64))
    draws = [draw for epoch in range(3) for draw in order(sampler, epoch)]
    assert len(set(draws)) == 60
    assert len({draw % 20 for draw in draws[:20]}) < 20


def test_weighted_draws_follow_seed_and_epoch() -> None:
    one, again, other = (EpochSampler(20, seed, torch.arange(20, dtype=torch.float64)) for seed in (1, 1, 2))
    assert order(one, 3) == order(again, 3)
    assert len({tuple(order(one, 0)), tuple(order(one, 1)), tuple(order(other, 0))}) == 3
    assert all(draw % 20 for draw in order(one, 0))  # slice 0 has no weight


def test_class_balanced_training_sees_a_rare_class_as_often_as_the_others() -> None:
    images, labels = arrays()
    labels = np.zeros_like(labels)
    labels[:, 0] = 1
    labels[4, 5, 5] = 2  # one slice of six shows it
    grid = NativeGrid.of((SIZE, SIZE, 6), np.eye(4), Preprocessing(SIZE))
    dataset = SliceDataset([PatientSlices("a", images, labels, grid, (1.0, 1.0))])
    batches = training_batches(dataset, TrainingSettings(batch_size=2, sampling="class_balanced"), seed=0)
    sampler = batches.sampler
    assert isinstance(sampler, EpochSampler)
    drawn = [draw % 6 for epoch in range(200) for draw in order(sampler, epoch)]
    # A third of the draws are of class 2, and of the others a sixth falls on that slice by chance.
    assert drawn.count(4) / len(drawn) == pytest.approx(1 / 3 + 2 / 3 / 6, abs=0.03)


def test_a_card_is_read_ahead_for_and_a_processor_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert reading_ahead(TrainingSettings()) == {"num_workers": 0, "persistent_workers": False, "pin_memory": False}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("os.cpu_count", lambda: 16)
    assert reading_ahead(TrainingSettings()) == {"num_workers": 4, "persistent_workers": True, "pin_memory": True}
    assert reading_ahead(TrainingSettings(loader_workers=2))["num_workers"] == 2


def test_workers_give_the_same_batches() -> None:
    augment = Augmentation(AugmentationSettings(probability=1))
    alone, ahead = (
        list(
            training_batches(
                SliceDataset([patient()], augment, seed=5), TrainingSettings(batch_size=2, loader_workers=workers), 5
            )
        )
        for workers in (0, 2)
    )
    assert len(alone) == 3
    for one, other in zip(alone, ahead, strict=True):
        assert all(torch.equal(mine, theirs) for mine, theirs in zip(one, other, strict=True))


def test_batches_go_on_where_they_were_and_only_in_that_epoch() -> None:
    slices = SliceDataset([patient()])
    whole, again = (
        training_batches(slices, TrainingSettings(batch_size=2), seed=1),
        training_batches(slices, TrainingSettings(batch_size=2), seed=1),
    )
    whole.sampler.set_epoch(4)
    batches = iter(whole)
    next(batches)
    state = whole.state_dict()
    assert state == {"epoch": 4, "batches": 1}
    again.load_state_dict(state)
    again.sampler.set_epoch(4)
    for expected, batch in zip(batches, again, strict=True):
        assert torch.equal(expected[0], batch[0])
    assert again.state_dict() == {"epoch": 4, "batches": 3}
    again.sampler.set_epoch(5)
    assert len(list(again)) == 3


def test_the_draws_of_a_batch_are_known_without_reading_it() -> None:
    slices = SliceDataset([patient()])
    batches = training_batches(slices, TrainingSettings(batch_size=2), seed=1)
    batches.sampler.set_epoch(3)
    batches.sampler.go_on(3, 2)
    for index, (images, _) in enumerate(batches, start=1):
        places = [slices.origin(draw)[1] for draw in batches.draws_of(index)]
        assert torch.equal(images, torch.from_numpy(arrays()[0][places]).float())
