"""How far a run is, written into its folder by the process that runs it and read there by whoever watches.

A file needs no connection: it is there for runs of this machine and of a cluster alike, and outlives a lost node.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from trimformer.records.errors import NotWritableError
from trimformer.records.files import write_json
from trimformer.records.progress import Progress

SECONDS_BETWEEN = 1.0
"""Between two writes, so that telling costs nothing beside the work."""


@dataclass(frozen=True)
class Standing:
    """What a run does, how many steps of it are done, since when it runs and how long that task will still take."""

    task: str
    done: int
    total: int
    seconds: float
    seconds_left: float | None
    """None before there is a step to tell it from."""


@contextmanager
def standing_told_in(file: Path) -> Iterator[Progress]:
    """A progress function that keeps the standing in `file`, which is gone at the end."""
    writer = _Writer(file)
    writer("preparing", 0, 1)
    try:
        yield writer
    finally:
        with suppress(OSError):
            file.unlink()


def read_standing(file: Path) -> Standing | None:
    """What stands in the file; None where no process runs the run, or the file is not whole."""
    try:
        return Standing(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None


class _Writer:
    """Writes the first step of every task, then at most one a second."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._begun = self._written = self._task_begun = time.monotonic()
        self._task, self._first = "", 0

    def __call__(self, task: str, done: int, total: int) -> None:
        now = time.monotonic()
        if task != self._task:
            self._task, self._first, self._task_begun = task, done, now
        elif now - self._written < SECONDS_BETWEEN:
            return
        self._written = now
        steps = done - self._first
        left = (now - self._task_begun) / steps * (total - done) if steps else None
        standing = Standing(task, done, total, round(now - self._begun, 1), left and round(left, 1))
        with suppress(NotWritableError):  # a run is not to fail because nobody can be told how far it is
            write_json(self._file, asdict(standing))
