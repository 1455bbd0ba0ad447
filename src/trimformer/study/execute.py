"""How the runs of a study are executed: each as soon as those that it needs are done, wherever there is room."""

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Protocol, runtime_checkable

from trimformer.study.plan import Job


@dataclass(frozen=True)
class Outcome:
    """How a run ended: `problem` says in one line why it failed, None where it is done."""

    name: str
    problem: str | None


Executor = Callable[[Sequence[Job]], Generator[Outcome, None, None]]
"""Takes runs so ordered that each comes after those it needs; gives the outcome of each as soon as it is known."""


@runtime_checkable
class Workers(Protocol):
    """Where runs are executed, several at a time: processes of this machine, or a cluster."""

    @property
    def has_room(self) -> bool:
        """Whether one more run can begin."""

    def begin(self, job: Job) -> None:
        """Let a run begin; it is not waited for."""

    def wait(self) -> Outcome:
        """The next run that ends; at least one has begun."""


def execute_on(open_workers: Callable[[], AbstractContextManager[Workers]]) -> Executor:
    """The executor that opens such workers for its runs, and closes them at the end, whatever that is.

    A run that needs one that failed is not begun; one that is not among the runs to execute is taken to be done.
    """

    def execute(jobs: Sequence[Job]) -> Generator[Outcome, None, None]:
        if not jobs:
            return
        with open_workers() as workers:
            yield from _in_order_of_need(jobs, workers)

    return execute


def _in_order_of_need(jobs: Sequence[Job], workers: Workers) -> Generator[Outcome, None, None]:
    order = {job.name: index for index, job in enumerate(jobs)}
    sorter = TopologicalSorter({job.name: [need for need in job.needs if need in order] for job in jobs})
    sorter.prepare()
    ready: list[Job] = []
    failed: set[str] = set()
    while sorter.is_active():
        ready = sorted([*ready, *(jobs[order[name]] for name in sorter.get_ready())], key=lambda job: order[job.name])
        outcome = _next_outcome(ready, failed, workers)
        if outcome.problem is not None:
            failed.add(outcome.name)
        sorter.done(outcome.name)
        yield outcome


def _next_outcome(ready: list[Job], failed: set[str], workers: Workers) -> Outcome:
    """Of a run whose needs have failed, or else of the next that ends; what begins for that is no longer ready."""
    for job in ready:
        broken = [need for need in job.needs if need in failed]
        if broken:
            ready.remove(job)
            return Outcome(job.name, f"It needs {broken[0]}, which failed.")
    while ready and workers.has_room:
        workers.begin(ready.pop(0))
    return workers.wait()
