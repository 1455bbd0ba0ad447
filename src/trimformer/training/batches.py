"""Batches of training slices whose order depends on the seed and the epoch alone."""

from collections.abc import Iterator

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from trimformer.data.training_set import SliceDataset


class EpochSampler(Sampler[int]):
    """A permutation of all slices that seed and epoch decide, so that a resumed run continues the same order.

    It gives draw numbers: the slice's index plus the epoch times the length, so that each epoch's slices are augmented
    in their own way.
    """

    def __init__(self, length: int, seed: int) -> None:
        self._length = length
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning when an epoch begins."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self._seed * 100_003 + self._epoch)
        order = torch.randperm(self._length, generator=generator)
        return iter((order + self._epoch * self._length).tolist())


def training_batches(dataset: SliceDataset, batch_size: int, seed: int) -> DataLoader[tuple[torch.Tensor, ...]]:
    """Shuffled batches; an incomplete last batch is left out unless it is the only one."""
    sampler = EpochSampler(len(dataset), seed)
    return DataLoader(dataset, batch_size, sampler=sampler, drop_last=len(dataset) >= batch_size)


def selection_batches(
    dataset: Dataset[tuple[torch.Tensor, ...]], batch_size: int
) -> DataLoader[tuple[torch.Tensor, ...]]:
    """All slices in their order."""
    return DataLoader(dataset, batch_size)
