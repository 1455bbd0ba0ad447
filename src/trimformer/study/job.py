"""One run of a study, as the process that was given it does it, on this machine or on a node of a cluster."""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
from filelock import FileLock

from trimformer.evaluation.evaluate import evaluate_run
from trimformer.records.errors import NotWritableError, TerminatedError, UserError
from trimformer.records.files import write_text
from trimformer.records.progress import Progress
from trimformer.study.plan import Job
from trimformer.study.standing import standing_told_in
from trimformer.training import train
from trimformer.training.tracking import track


def work(job: Job, threads: int) -> str | None:
    """Train and evaluate one run in this process, which is there for it alone.

    The whole story of a failure is kept in the run's folder, and so is whatever is printed meanwhile.

    Args:
        job: The run; where another process has it in hand, that one is waited for.
        threads: How many torch may use.

    Returns:
        What went wrong in one line, None where nothing did.
    """
    os.environ["OMP_NUM_THREADS"] = str(threads)  # for its own children
    torch.set_num_threads(threads)
    job.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(job.folder / ".study.lock"), _printing_into(job.log_file):
        job.failure_file.unlink(missing_ok=True)
        failure = _failure(job)
        if failure is None:
            return None
        with suppress(NotWritableError):  # whoever gave the run away finds neither a result nor a reason
            write_text(job.failure_file, failure)
        return failure.partition("\n")[0]


def give_up(job: Job, problem: str) -> str:
    """Keep in the run's folder why the process that had it is gone; the problem is returned."""
    job.standing_file.unlink(missing_ok=True)
    write_text(job.failure_file, f"{problem}\n")
    return problem


def _failure(job: Job) -> str | None:
    try:
        with standing_told_in(job.standing_file) as progress:
            train_and_evaluate(job, progress)
    except TerminatedError:  # no failure: whoever gave the run away may begin it again
        sys.exit(TerminatedError.EXIT_CODE)
    except UserError as error:
        return f"{error}\n"
    except Exception as error:
        return f"{type(error).__name__}: {error}\n\n{traceback.format_exc()}"
    return None


def train_and_evaluate(job: Job, progress: Progress) -> None:
    """What is done already is not done again.

    Raises:
        UserError: As `trimformer.training.train` and `evaluate_run`.
    """
    if job.is_done:
        return
    run = train(job.experiment, job.folder, progress)
    evaluate_run(run, progress)
    track(run)


@contextmanager
def _printing_into(file: Path) -> Iterator[None]:
    """Add to the file what this process prints, its native libraries too: the terminal shows the table of runs."""
    with file.open("a") as log:
        streams = {stream: os.dup(stream) for stream in (1, 2)}
        for stream in streams:
            os.dup2(log.fileno(), stream)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for stream, kept in streams.items():
                os.dup2(kept, stream)
                os.close(kept)
    if not file.stat().st_size:
        file.unlink()
