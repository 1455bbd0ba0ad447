"""How the runs of a study are executed: here one after another; a pool or a cluster would be another such function."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from trimformer.records.progress import Progress
from trimformer.study.job import run_apart
from trimformer.study.plan import Job


@dataclass(frozen=True)
class Outcome:
    """How a run ended: `problem` says in one line why it failed, None where it is done."""

    name: str
    problem: str | None


Executor = Callable[[Sequence[Job], Progress], Iterator[Outcome]]
"""Takes runs so ordered that each comes after those it needs; gives the outcome of each as soon as it is known."""


def one_after_another(jobs: Sequence[Job], progress: Progress) -> Iterator[Outcome]:
    """Each run in a process of its own, in order; a run that needs one that failed is not begun."""
    failed: set[str] = set()
    for job in jobs:
        broken = [need for need in job.needs if need in failed]
        problem = f"It needs {broken[0]}, which failed." if broken else _problem(job, progress)
        if problem is not None:
            failed.add(job.name)
        yield Outcome(job.name, problem)


def _problem(job: Job, progress: Progress) -> str | None:
    return None if job.is_done else run_apart(job, progress)
