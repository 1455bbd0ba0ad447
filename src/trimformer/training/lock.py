"""One training at a time in a run folder."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

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
    new = [folder for folder in (run.path, *run.path.parents) if not folder.exists()]
    first_alone(lambda: _acquire(lock, run))
    try:
        yield
    finally:
        if lock.is_locked:
            _leave(lock, new)


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


def _leave(lock: FileLock, new: Sequence[Path]) -> None:
    """A training that wrote nothing leaves nothing, not even the folders that were made for its lock."""
    lock.release()
    if not new or {file.name for file in new[0].iterdir()} - {Path(lock.lock_file).name}:
        return
    Path(lock.lock_file).unlink(missing_ok=True)
    with suppress(OSError):  # a parent that holds something else
        for folder in new:
            folder.rmdir()
