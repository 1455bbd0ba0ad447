"""The runs of a study on this machine, each in a process of its own: whatever happens to it, the others go on.

The process is forked from a server that has imported the libraries once and computed nothing: a run starts in
milliseconds, its random numbers and its memory are its own, and a crash of native code or a kill for want of memory
ends this run alone. Where the system cannot fork, a new interpreter does the same, some seconds slower.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import wait
from typing import Any

import torch

from trimformer.records.errors import TerminatedError
from trimformer.study.execute import Executor, Outcome, execute_on
from trimformer.study.job import give_up, work
from trimformer.study.plan import Job

RETRIES = 3
"""How often a run is begun again whose process, or whose node, was lost; it goes on from its last checkpoint."""

SECONDS_TO_SAVE = 30
"""What runs get to write a checkpoint when the study is ended; Slurm gives as much."""


def on_this_machine(workers: int = 1, retries: int = RETRIES) -> Executor:
    """So many runs at a time, each with its share of torch's threads and, where there are GPUs, one of them."""
    return execute_on(partial(_opened, workers, retries))


@dataclass(frozen=True)
class _Running:
    job: Job
    process: Any
    gpu: str | None
    retries: int


class _Processes:
    """Places for a fixed number of processes; a lost one is begun again so many times."""

    def __init__(self, count: int, retries: int) -> None:
        self._threads = max(1, torch.get_num_threads() // count)
        self._retries = retries
        self._free = deque(gpus_of_workers(count))
        self._running: dict[Any, _Running] = {}

    @property
    def has_room(self) -> bool:
        return bool(self._free)

    def begin(self, job: Job) -> None:
        self._start(job, self._free.popleft(), self._retries)

    def wait(self) -> Outcome:
        while True:
            ended = self._running.pop(wait(list(self._running))[0])
            ended.process.join()
            if (ended.process.exitcode < 0 or ended.process.exitcode == TerminatedError.EXIT_CODE) and ended.retries:
                self._start(ended.job, ended.gpu, ended.retries - 1)
                continue
            self._free.append(ended.gpu)
            return Outcome(ended.job.name, _problem(ended.job, ended.process.exitcode))

    def stop(self) -> None:
        """Let every run save and end; whichever does not is killed."""
        processes = [running.process for running in self._running.values()]
        for process in processes:
            process.terminate()
        end = time.monotonic() + SECONDS_TO_SAVE
        try:
            for process in processes:
                process.join(max(0.0, end - time.monotonic()))
        finally:  # at once, if whoever ends the study does not want to wait
            for process in processes:
                process.kill()
                process.join()

    def _start(self, job: Job, gpu: str | None, retries: int) -> None:
        process = _context().Process(target=_run, args=(job, self._threads, gpu), name=f"trimformer {job.name}")
        process.start()
        self._running[process.sentinel] = _Running(job, process, gpu, retries)


@contextmanager
def _opened(workers: int, retries: int) -> Iterator[_Processes]:
    processes = _Processes(workers, retries)
    try:
        yield processes
    finally:
        processes.stop()


def gpus_of_workers(count: int) -> list[str | None]:
    """For each worker the one GPU that it sees, dealt in turn; None for all where there is none."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    here = torch.cuda.device_count()
    names = given.split(",")[:here] if given else [str(index) for index in range(here)]
    return [names[index % here] if names else None for index in range(count)]


def _run(job: Job, threads: int, gpu: str | None) -> None:
    """What the process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started the study, who then ends this process
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    work(job, threads)


def _end_with_parent() -> None:
    """A study that is killed leaves no run behind that would go on beside the next one."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _context() -> Any:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([work.__module__])
    return context


def _problem(job: Job, code: int) -> str | None:
    """Why a run failed whose process has ended with this code, None if it is done."""
    if code < 0:
        name = signal.Signals(-code).name
        reason = f"was ended by {name}{', perhaps for want of memory' if name == 'SIGKILL' else ''}"
    elif job.is_done or job.failure:
        return job.failure
    else:
        reason = f"ended with code {code} and said nothing"
    return give_up(job, f"Its process {reason}.")
