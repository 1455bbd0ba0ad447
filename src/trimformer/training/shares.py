"""What each of several processes takes of the batches that one process would see."""

import math
from collections.abc import Iterable, Iterator, Sequence

from torch.utils.data import BatchSampler, Sampler

from trimformer.processes.share import share_of


def share_of_batches(draws: Sequence[int], batch_size: int, rank: int, processes: int) -> list[int]:
    """One process's part of every joint batch: the parts of all, in the order of their ranks, are the batch of one.

    An incomplete last batch is left out unless it is the only one.

    Example:
        >>> [share_of_batches([3, 1, 0, 4, 2], batch_size=2, rank=rank, processes=2) for rank in range(2)]
        [[3, 0], [1, 4]]
    """
    whole = len(draws) // batch_size * batch_size or len(draws)
    batches = (draws[start : min(start + batch_size, whole)] for start in range(0, whole, batch_size))
    return [draw for batch in batches for draw in batch[share_of(len(batch), rank, processes)]]


class BatchesInTurn(BatchSampler):
    """Whole batches in their order, dealt to the processes in turn, to each as many.

    The last processes may be given first batches once more, so that none has to wait for another; those do not count.

    Args:
        sampler: Of the joint order.
        batch_size: Slices of each batch; the last one may have fewer.
        rank: Of the process.
        processes: How many take part.
    """

    def __init__(self, sampler: Sampler[int] | Iterable[int], batch_size: int, rank: int, processes: int) -> None:
        super().__init__(sampler, batch_size, drop_last=False)
        self._rank, self._processes = rank, processes

    def __len__(self) -> int:
        return math.ceil(super().__len__() / self._processes)

    def __iter__(self) -> Iterator[list[int]]:
        batches = list(super().__iter__())
        for turn in range(len(self)):
            yield batches[self._number(turn) % len(batches)]

    def counts(self, turn: int) -> bool:
        """Whether this process's batch at a turn is no other process's as well."""
        return self._number(turn) < super().__len__()

    def _number(self, turn: int) -> int:
        return turn * self._processes + self._rank
