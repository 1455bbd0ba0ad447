"""How far all runs of a study are, for whoever watches; read from their folders, wherever they run."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from trimformer.records.history import read_history
from trimformer.records.run_folder import RunFolder
from trimformer.study.execute import Outcome
from trimformer.study.plan import Job
from trimformer.study.standing import SECONDS_BETWEEN, Standing, read_standing

State = Literal["running", "failed", "waiting", "done"]

SECONDS_OF_SILENCE = 60.0
"""After which a run that tells nothing new is said to be silent: a long step, or a node that is lost."""


@dataclass(frozen=True)
class RunView:
    """One run: what it is at, its whole epochs, its last Dice on the selection patients, and its time."""

    name: str
    state: State
    task: str
    epoch: int
    epochs: int
    selection_dice: float | None
    seconds: float | None
    seconds_left: float | None


class Watch:
    """Looks at the folders of runs; what has ended is known from its outcome and looked at no more."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = tuple(jobs)
        self._ended: dict[str, RunView] = {job.name: _ended(job, None) for job in jobs if job.is_done}
        self._heard: dict[str, tuple[Standing, float]] = {}
        self._views: list[RunView] = []
        self._looked = -math.inf

    def end(self, outcome: Outcome) -> RunView:
        """Take an outcome in; the view of that run is returned."""
        job = next(job for job in self._jobs if job.name == outcome.name)
        self._ended[job.name] = _ended(job, outcome.problem)
        self._looked = -math.inf
        return self._ended[job.name]

    def views(self) -> list[RunView]:
        """Every run as it is now, in the order of the study; the folders are looked at once a second."""
        if time.monotonic() - self._looked >= SECONDS_BETWEEN:
            self._looked = time.monotonic()
            self._views = [self._ended.get(job.name) or self._view(job) for job in self._jobs]
        return self._views

    def _view(self, job: Job) -> RunView:
        standing = read_standing(job.standing_file)
        if standing is None:
            return _seen(job, "waiting", "")
        heard, since = self._heard.get(job.name, (None, 0.0))
        if heard != standing:
            since = time.monotonic()
            self._heard[job.name] = (standing, since)
        ago = time.monotonic() - since
        left = None if standing.seconds_left is None else max(0.0, standing.seconds_left - ago)
        return _seen(job, "running", _task(standing, ago), standing.seconds + ago, left)


def _ended(job: Job, problem: str | None) -> RunView:
    return _seen(job, "done" if problem is None else "failed", problem or "")


def _seen(
    job: Job, state: State, task: str, seconds: float | None = None, seconds_left: float | None = None
) -> RunView:
    """With what the history says; without a time of its own, that of all its epochs."""
    file = RunFolder(job.folder).history_file
    history = read_history(file) if file.exists() else None
    dice = None if history is None else history["selection_dice"]
    return RunView(
        job.name,
        state,
        task,
        epoch=0 if dice is None else len(dice),
        epochs=job.experiment.training.epochs,
        selection_dice=None if dice is None or np.isnan(dice).all() else float(np.nanmax(dice)),
        seconds=float(np.nansum(history["seconds"])) if seconds is None and history is not None else seconds,
        seconds_left=seconds_left,
    )


def _task(standing: Standing, ago: float) -> str:
    word = standing.task.partition(" ")[0]
    words = f"{word} {standing.done / max(1, standing.total):.0%}" if standing.done else word
    return words if ago < SECONDS_OF_SILENCE else f"{words}, silent for {ago / 60:.0f} min"
