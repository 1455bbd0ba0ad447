"""How a training that is asked to end leaves."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lightning as L
from lightning.pytorch.utilities.exceptions import SIGTERMException

from trimformer.records.errors import TerminatedError


@contextmanager
def ended_cleanly(trainer: L.Trainer, saved: Path) -> Iterator[None]:
    """Say what Lightning's two ways out mean: it makes a `SystemExit` of SIGTERM, and of Ctrl-C.

    Raises:
        TerminatedError: SIGTERM came; the step was ended and saved.
        KeyboardInterrupt: Ctrl-C was pressed; the step was left, and the last checkpoint counts.
    """
    try:
        with _sigterm_left_to_lightning():
            yield
    except SIGTERMException:
        raise _terminated(trainer, saved) from None
    except SystemExit as left:
        raise KeyboardInterrupt from left
    if trainer.received_sigterm:  # after the last step
        raise _terminated(trainer, saved)


@contextmanager
def _sigterm_left_to_lightning() -> Iterator[None]:
    """Lightning calls whoever listened to SIGTERM before it too, and Ray, for one, leaves in the middle of the step."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL) or signal.SIG_DFL  # None: nobody of Python's
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminated(trainer: L.Trainer, saved: Path) -> TerminatedError:
    return TerminatedError(f"{trainer.global_step} of {trainer.estimated_stepping_batches} steps done", saved)
