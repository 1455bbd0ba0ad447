"""The runs of a study on a Ray cluster, one task each: Ray finds it a place, and another one when that is lost.

All nodes see the study's folder under one path. What a run has come to lies there, so that a task that is begun again,
by Ray or by the next start of the study, goes on from its last checkpoint.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from trimformer.records.errors import UserError
from trimformer.study.execute import Executor, Outcome, execute_on
from trimformer.study.job import give_up, work
from trimformer.study.plan import Job
from trimformer.study.processes import RETRIES

SECONDS_TO_ANSWER = 10


@dataclass(frozen=True)
class Share:
    """What one run gets of a node; without a number of GPUs, one where the cluster has any."""

    cpus: int = 1
    gpus: float | None = None


def on_ray(address: str, share: Share | None = None, retries: int = RETRIES) -> Executor:
    """As many runs at a time as the cluster has shares for.

    Args:
        address: `host:port` of the cluster's head, `auto` for the one that this machine belongs to, or `local` for a
            new one that is gone with the study.
        share: CPUs and GPUs of one run.
        retries: How often a run is begun again whose process or node was lost.

    Raises:
        UserError: By the executor, where Ray is not installed, no cluster answers there, or no node has such a share.
    """
    return execute_on(partial(_connected, address, share or Share(), retries))


@contextmanager
def _connected(address: str, share: Share, retries: int) -> Iterator["_Tasks"]:
    ray = _import_ray()
    own = {"include_dashboard": False} if address == "local" else {}
    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", **own)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            "A Ray cluster answers at --ray ADDRESS, of the same versions of Ray and Python",
            f"{address}: {str(error).partition(chr(10))[0]}",
            "Start one with `ray start --head`, or type --ray local for one of this machine alone.",
        ) from None
    try:
        yield _Tasks(ray, _fitting(share, ray), retries)
    finally:
        ray.shutdown()


def _import_ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster that we start tells nobody
    try:
        import ray
    except ImportError:
        raise UserError("--ray needs Ray", "it is not installed", 'Type pip install "trimformer[cluster]".') from None
    return ray


def _knock(address: str) -> None:
    """See at once whether anybody listens there: Ray itself tries for minutes."""
    place = urlsplit(f"//{address.removeprefix('ray://')}")
    if place.hostname and place.port:
        socket.create_connection((place.hostname, place.port), timeout=SECONDS_TO_ANSWER).close()


def _fitting(share: Share, ray: Any) -> Share:
    """The share with its number of GPUs, if a node has room for it; otherwise Ray would wait for ever."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = share.gpus if share.gpus is not None else float(any(node.get("GPU") for node in nodes))
    if not any(node.get("CPU", 0) >= share.cpus and node.get("GPU", 0) >= gpus for node in nodes):
        found = ", ".join(f"{node.get('CPU', 0):g} CPUs and {node.get('GPU', 0):g} GPUs" for node in nodes)
        raise UserError(
            f"A node has room for one run, {share.cpus} CPUs and {gpus:g} GPUs",
            f"nodes of {found}",
            "Choose smaller --cpus-per-run and --gpus-per-run, or add such a node.",
        )
    return replace(share, gpus=gpus)


class _Tasks:
    """The tasks of one study; Ray keeps those for which there is no room yet."""

    has_room = True

    def __init__(self, ray: Any, share: Share, retries: int) -> None:
        self._ray = ray
        self._share = share
        # A process is there for one run: its memory and its random numbers are its own, as on one machine.
        self._task = ray.remote(
            max_calls=1, num_cpus=share.cpus, num_gpus=share.gpus, max_retries=retries, retry_exceptions=False
        )(_work_on_node)
        self._running: dict[Any, Job] = {}

    def begin(self, job: Job) -> None:
        job = replace(job, folder=job.folder.absolute())
        job.folder.mkdir(parents=True, exist_ok=True)
        reference = self._task.options(name=f"trimformer {job.name}").remote(job, self._share.cpus, Path.cwd())
        self._running[reference] = job

    def wait(self) -> Outcome:
        (reference, *_), _ = self._ray.wait(list(self._running), num_returns=1)
        job = self._running.pop(reference)
        try:
            return Outcome(job.name, self._ray.get(reference))
        except self._ray.exceptions.RayError as error:
            return Outcome(
                job.name, give_up(job, f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}")
            )


def _work_on_node(job: Job, threads: int, folder: Path) -> str | None:
    """What the task does: the same as a process of one machine."""
    if not job.folder.is_dir():
        return f"All nodes see the folder of the study; {socket.gethostname()} sees no {job.folder}."
    with suppress(OSError):  # a network of one's own is looked for in the folder where the study was typed
        os.chdir(folder)
    return work(job, threads)
