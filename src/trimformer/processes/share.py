"""Work that is shared out among processes, and what each of them must do before the others go on."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from torch import distributed

from trimformer.processes.group import is_first, num_processes, rank
from trimformer.records.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")


def own_share(items: Sequence[Item]) -> Sequence[Item]:
    """This process's part of some items: the parts of all, in the order of their ranks, are the items in theirs.

    Example:
        >>> own_share([1, 2, 3])  # nobody else is there
        [1, 2, 3]
    """
    return items[share_of(len(items), rank(), num_processes())]


def share_of(num_items: int, own_rank: int, processes: int) -> slice:
    """Where the part of one process lies among some items; parts differ by one item at most.

    Example:
        >>> [share_of(5, own_rank, 3) for own_rank in range(3)]
        [slice(0, 1, None), slice(1, 3, None), slice(3, 5, None)]
    """
    return slice(num_items * own_rank // processes, num_items * (own_rank + 1) // processes)


def gathered(value: Result) -> list[Result]:
    """The values of all processes, in the order of their ranks; they travel pickled."""
    if num_processes() == 1:
        return [value]
    values: list[Result] = [value] * num_processes()
    distributed.all_gather_object(values, value)
    return values


def shared_out(
    items: Sequence[Item], work: Callable[[Item], Result], progress: Callable[[int, int], None]
) -> list[Result]:
    """The results for all items, in their order, in every process; each has worked on its own share.

    Args:
        items: The same in every process.
        work: Makes a result of an item; it is pickled for the other processes.
        progress: Told after every item of its own share how many are done, and how many there are in it.

    Raises:
        UserError: In every process, where the work of one of them raised it.
    """
    own = own_share(items)

    def work_through() -> list[Result]:
        results = []
        for done, item in enumerate(own, start=1):
            results.append(work(item))
            progress(done, len(own))
        return results

    return [result for results in gathered(agreed(work_through)) for result in results]


def agreed(work: Callable[[], Result]) -> Result:
    """What the work gives in this process, once it is known that no process failed.

    Raises:
        UserError: In every process, where the work of one of them raised it; the first such one.
    """
    if num_processes() == 1:
        return work()
    try:
        result, failure = work(), None
    except UserError as error:
        failure = (error.rule, error.found, error.next_step)
    failures = [each for each in gathered(failure) if each is not None]
    if failures:
        raise UserError(*failures[0])
    return result


def first_alone(work: Callable[[], None]) -> None:
    """Let the first process work, say write files, while the others wait.

    Raises:
        UserError: In every process, where the work raised it.
    """
    agreed(work if is_first() else _nothing)


def first_before_others(work: Callable[[], Result]) -> Result:
    """Let the first process work, then the others, which find what it downloaded or wrote to a cache.

    Raises:
        UserError: In every process, where the work of one of them raised it.
    """
    if is_first():
        result = agreed(work)
        agreed(_nothing)
        return result
    agreed(_nothing)
    return agreed(work)


def as_the_first_sees(value: Result) -> Result:
    """The first process's value, so that all decide alike."""
    return gathered(value)[0]


def _nothing() -> None:
    """Nobody but the first has anything to do."""
