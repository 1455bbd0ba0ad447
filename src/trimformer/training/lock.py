"""One training at a time in a run folder."""

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from trimformer.processes.share import first_alone
from trimformer.records.errors import NotWritableError, UserError
from trimformer.records.files import remove_leftovers
from trimformer.records.run_folder import RunFolder

PATIENCE_SECONDS = 20
"""How long a killed training may hold its folder: processes that read ahead for it notice its end within seconds."""


@contextmanager
def alone_in(run: RunFolder) -> Iterator[None]:
    """Hold a run folder, and clear away what a killed process left half-written there.

    The lock is gone with the process, however that ends. Of several processes that train together the first one has it.

    Raises:
        UserError: Another training is at work there, or the folder cannot be written.
    """
    lock = FileLock(run.path / ".lock")
    first_alone(lambda: _acquire(lock, run))
    try:
        yield
    finally:
        lock.release()  # nothing to a process that does not hold it


def _acquire(lock: FileLock, run: RunFolder) -> None:
    try:
        run.path.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=PATIENCE_SECONDS)
    except Timeout:
        raise UserError(
            "One process at a time trains into a run folder",
            f"another one at work in {run.path}",
            "Wait for its end, or choose another folder.",
        ) from None
    except OSError as error:
        raise NotWritableError(run.path, error) from error
    for folder in (run.path, run.checkpoints):
        remove_leftovers(folder)
