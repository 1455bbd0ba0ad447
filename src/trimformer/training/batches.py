"""Batches of training slices whose order depends on the seed and the epoch alone."""

import os
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler, SequentialSampler

from trimformer.data.training_set import SliceDataset
from trimformer.processes.group import num_processes, rank
from trimformer.records.settings import TrainingSettings
from trimformer.training.devices import refuse_uneven_shares
from trimformer.training.sampling import class_balanced_draws, class_balanced_weights, uniform_draws
from trimformer.training.shares import BatchesInTurn, share_of_batches

GPU_WORKERS = 4
"""Processes that read ahead for a graphics card, which would wait otherwise; fewer where there are no more cores."""


class EpochSampler(Sampler[int]):
    """The slices of an epoch in an order that seed and epoch decide, so that a resumed run continues the same order.

    It gives draw numbers: the slice's index plus a multiple of the length that no other draw of the training has, so
    that every draw is augmented in its own way. Of several processes each has its share of every batch.

    Args:
        length: How many slices there are, and how many are drawn in an epoch.
        seed: Of the training.
        weights: How likely every slice is at each draw (slices,); None: each comes once an epoch.
        batch_size: Slices of all processes together; an incomplete last batch is left out unless it is the only one.
    """

    def __init__(self, length: int, seed: int, weights: Tensor | None = None, batch_size: int = 1) -> None:
        self._length = length
        self._seed = seed
        self._weights = weights
        self._batch_size = batch_size
        self._had = (0, 0)
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning when an epoch begins."""
        self.epoch = epoch

    def go_on(self, epoch: int, draws: int) -> None:
        """Leave out the first draws of an epoch, which an interrupted run has had."""
        self._had = (epoch, draws)

    def draws(self) -> list[int]:
        """All draws of the epoch, those of all processes."""
        generator = torch.Generator().manual_seed(self._seed * 100_003 + self.epoch)
        if self._weights is None:
            return uniform_draws(self._length, self.epoch, generator).tolist()
        return class_balanced_draws(self._weights, self.epoch, generator).tolist()

    def __len__(self) -> int:
        return len(self._share(list(range(self._length))))

    @property
    def left_out(self) -> int:
        """How many draws of the epoch an interrupted run has had."""
        epoch, draws = self._had
        return draws if epoch == self.epoch else 0

    def __iter__(self) -> Iterator[int]:
        return iter(self._share(self.draws())[self.left_out :])

    def _share(self, draws: list[int]) -> list[int]:
        return share_of_batches(draws, self._batch_size, rank(), num_processes())


class TrainingBatches(DataLoader[tuple[torch.Tensor, ...]]):
    """Batches of an `EpochSampler`; where in the epoch they are is kept in Lightning's checkpoints."""

    _given = 0
    sampler: EpochSampler

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # any iterator does
        """The epoch's batches, begun when the first is asked for: by then Lightning has named the epoch."""
        assert self.batch_size is not None
        first = self.sampler.left_out // self.batch_size + 1
        for self._given, batch in enumerate(super().__iter__(), first):
            yield batch

    def state_dict(self) -> dict[str, int]:
        """How many batches of which epoch were given."""
        return {"epoch": self.sampler.epoch, "batches": self._given}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on behind those batches."""
        assert self.batch_size is not None
        self._given = state["batches"]
        self.sampler.go_on(state["epoch"], self._given * self.batch_size)

    def draws_of(self, batch_index: int) -> list[int]:
        """The draws of one batch of the epoch, those of all processes."""
        assert self.batch_size is not None
        joint = self.batch_size * num_processes()
        return self.sampler.draws()[batch_index * joint :][:joint]


def training_batches(dataset: SliceDataset, settings: TrainingSettings, seed: int) -> TrainingBatches:
    """This process's share of drawn batches; an incomplete last batch is left out unless it is the only one.

    Raises:
        UserError: The processes cannot take as many slices each.
    """
    is_balanced = settings.sampling == "class_balanced"
    weights = class_balanced_weights(dataset.classes_of_slices()) if is_balanced else None
    joint = min(settings.batch_size, len(dataset))
    refuse_uneven_shares(joint)
    sampler = EpochSampler(len(dataset), seed, weights, joint)
    return TrainingBatches(dataset, joint // num_processes(), sampler=sampler, **reading_ahead(settings))


def selection_batches(dataset: SliceDataset, settings: TrainingSettings) -> DataLoader[tuple[torch.Tensor, ...]]:
    """All slices in their order, the batches dealt to the processes in turn."""
    sampler = BatchesInTurn(SequentialSampler(dataset), settings.batch_size, rank(), num_processes())
    return DataLoader(dataset, batch_sampler=sampler, **reading_ahead(settings))


def reading_ahead(settings: TrainingSettings) -> dict[str, Any]:
    """How a `DataLoader` fetches: in which processes, and into which memory.

    Without a graphics card batches are read where they are needed: slices lie in memory or are mapped from disk, which
    takes less than handing them from one process to another, and every core is at work in the model. For a card a few
    processes read ahead, into pinned memory from which the card copies while it computes.
    """
    has_gpu = torch.cuda.is_available()
    ahead = min(GPU_WORKERS, (os.cpu_count() or 1) - 1) if has_gpu else 0
    workers = ahead if settings.loader_workers == "auto" else int(settings.loader_workers)
    return {"num_workers": workers, "persistent_workers": workers > 0, "pin_memory": has_gpu}
