"""A store that is kept up to date with a run folder, and may go away at any time."""

import time
import warnings
from collections.abc import Callable
from typing import Any

from trimformer.records.files import read_json, write_json
from trimformer.records.run_folder import RunFolder
from trimformer.training.tracking.parts import Part, parts_of
from trimformer.training.tracking.store import Status, Store

PATIENCE = 100
"""A store that is away is asked again after this many times the time that the last attempt took: waiting for it costs
a training one hundredth of its time at most."""

STATUS = "status"
"""Under which name it is noted how the store was told that the run has ended."""


class Mirror:
    """What one store shows of a run: it is sent what the folder holds and it lacks, and what it was sent is noted.

    Nothing that a store does stops its caller: the first failure is one warning, and what was not sent waits.

    Args:
        run: The truth.
        name: The store, as messages call it and as `tracking.json` knows it.
        open_store: Reaches the store, given the number of the run there, None where it has none yet.
    """

    def __init__(self, run: RunFolder, name: str, open_store: Callable[[str | None], Store]) -> None:
        self._run = run
        self._name = name
        self._open = open_store
        self._store: Store | None = None
        self._next_attempt = 0.0
        self._has_warned = False
        self._run_id: str | None = None
        self._sent: dict[str, str] = {}
        self._waiting: list[str] = []

    def update(self) -> None:
        """Send what is new; a store that was away a moment ago is left alone for a while."""
        if time.monotonic() >= self._next_attempt:
            self._attempt(self._send_new)

    def end(self, status: Status) -> None:
        """Send what is new and say how the run has ended; a store that knows both is not reached."""
        self._attempt(lambda: self._send_all(status))

    def _attempt(self, action: Callable[[], None]) -> None:
        begin = time.monotonic()
        try:
            self._recall()
            action()
        except Exception as error:  # each store has its own, and none is worth a training
            self._store = None
            self._next_attempt = time.monotonic() + PATIENCE * (time.monotonic() - begin)
            self._warn(error)

    def _send_all(self, status: Status) -> None:
        self._send_new()
        if self._sent.get(STATUS) != status:
            self._waiting = ["its end"]
            self._reached().end(status)
            self._sent[STATUS] = status
            self._note()
        self._store = None

    def _send_new(self) -> None:
        self._waiting = [part.name for part in self._missing()]
        if not self._waiting:
            return
        store = self._reached()
        try:
            for part in self._missing():
                part.send(store)
                store.flush()
                self._sent[part.name] = part.version
                self._waiting.remove(part.name)
        finally:
            self._note()

    def _reached(self) -> Store:
        """The store, in which the run goes on; what another run of it was sent counts for nothing."""
        if self._store is None:
            self._store = self._open(self._run_id)
            self._sent.pop(STATUS, None)
            if self._store.run_id != self._run_id:
                self._run_id, self._sent = self._store.run_id, {}
                self._waiting = [part.name for part in self._missing()]
            self._note()
        return self._store

    def _missing(self) -> list[Part]:
        return [part for part in parts_of(self._run) if self._sent.get(part.name) != part.version]

    def _recall(self) -> None:
        entry = _read_notes(self._run).get(self._name, {})
        self._run_id, self._sent = entry.get("run_id"), entry.get("sent", {})

    def _note(self) -> None:
        entry = {"run_id": self._run_id, "sent": self._sent}
        write_json(self._run.tracking_file, {**_read_notes(self._run), self._name: entry})

    def _warn(self, error: Exception) -> None:
        if self._has_warned:
            return
        self._has_warned = True
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        names = f"{self._waiting[0]} to {self._waiting[-1]}" if len(self._waiting) > 1 else "".join(self._waiting)
        warnings.warn(
            f"{self._name} does not take what {self._run.name} sends: {reason}. The run goes on as without it. What is"
            f" missing there ({names}, and what follows) is sent when it answers again, at the latest by `trimformer"
            f" evaluate {self._run.path}`; the run folder holds all of it.",
            stacklevel=2,
        )


def _read_notes(run: RunFolder) -> dict[str, Any]:
    return read_json(run.tracking_file, "Delete that file.") if run.tracking_file.exists() else {}
