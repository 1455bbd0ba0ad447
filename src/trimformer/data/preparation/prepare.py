"""A dataset's labelled cases -> a folder of arrays that map into memory; what is there already is kept."""

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from filelock import FileLock

from trimformer.data.layout import Case, Layout
from trimformer.data.preparation.content import content_key
from trimformer.data.preparation.index import NAME, PreparedIndex
from trimformer.data.preparation.slices import to_slices
from trimformer.data.preparation.store import DESCRIPTION, is_whole, write_slices
from trimformer.data.reading.case import read_case
from trimformer.data.rules import HAS_CASES
from trimformer.records.errors import NotWritableError, UserError
from trimformer.records.progress import Progress, silent

WORKERS = 4
"""No more threads than this unless asked for: each holds a volume in memory."""


def prepare_dataset(
    layout: Layout, folder: Path, progress: Progress = silent, workers: int | None = None
) -> PreparedIndex:
    """Bring every labelled case to the model's grid and write an index of them all; run again, it goes on.

    Each case has a folder of its own under a name that changes with the content of its files and with every setting,
    and is there whole or not at all. The index comes last, so a folder with an index is complete.

    Raises:
        UserError: A case breaks a rule (the others are kept), the folder holds another preparation, or it cannot be
            written.
    """
    if layout.problems:
        raise _first_of(list(layout.problems))
    if not layout.labelled:
        raise HAS_CASES.broken(layout.dataset, f"none in the layout {layout.name}")
    _refuse_other_preparation(layout, folder)
    with _alone_in(folder):
        _refuse_other_preparation(layout, folder)  # someone else's that was at work until now
        _remove_leftovers(folder)
        folders, errors = _prepare_cases(layout, folder, progress, workers or min(WORKERS, os.cpu_count() or 1))
        if errors:
            raise _first_of(errors)
        index = PreparedIndex.of(layout, folders)
        index.save(folder / NAME)
        _keep_only(folder, set(folders.values()))
    return index


def _prepare_cases(
    layout: Layout, folder: Path, progress: Progress, workers: int
) -> tuple[dict[str, str], list[UserError]]:
    """The folder of each patient, and what was wrong with the cases that have none, in the order of the cases."""
    done: dict[str, str | UserError] = {}
    with ThreadPoolExecutor(workers) as threads:
        waiting = {threads.submit(_prepare_case, layout, case, folder): case for case in layout.labelled}
        try:
            for future in as_completed(waiting):
                done[waiting[future].patient_id] = _outcome(future)
                progress(f"preparing {layout.dataset}", len(done), len(waiting))
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
    in_order = {case.patient_id: done[case.patient_id] for case in layout.labelled}
    folders = {patient_id: name for patient_id, name in in_order.items() if isinstance(name, str)}
    return folders, [error for error in in_order.values() if isinstance(error, UserError)]


def _outcome(future: "Future[str]") -> str | UserError:
    try:
        return future.result()
    except NotWritableError:
        raise  # the same error for every case that follows
    except UserError as error:
        return error


def _prepare_case(layout: Layout, case: Case, folder: Path) -> str:
    key = content_key(layout, case)
    name = f"{case.patient_id}-{key[:16]}"
    if not is_whole(folder / name):
        patient = to_slices(read_case(layout, case), layout.preprocessing)
        write_slices(folder / name, replace(patient, key=key))
    return name


def _first_of(errors: list[UserError]) -> UserError:
    """The first error, which says how many more there are and who lists them."""
    if len(errors) == 1:
        return errors[0]
    first = errors[0]
    others = "one more problem" if len(errors) == 2 else f"{len(errors) - 1} more problems"
    more = f"{first.next_step} `trimformer data check` lists {others}."
    return UserError(first.rule, first.found, more)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """One preparation at a time in a folder; whoever comes second waits, and then finds the work done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            yield
    except OSError as error:
        raise NotWritableError(folder, error) from error


def _refuse_other_preparation(layout: Layout, folder: Path) -> None:
    if not (folder / NAME).exists():
        if folder.is_dir():
            _refuse_strangers(folder)
        return
    index = PreparedIndex.load(folder)
    if (index.dataset, index.preprocessing) != (layout.dataset, layout.preprocessing.document()):
        raise UserError(
            "A folder holds one preparation of one dataset",
            f"{folder} with {index.dataset} under other settings",
            "Choose another folder, or delete that one.",
        )


def _refuse_strangers(folder: Path) -> None:
    """A folder without an index is new, or holds what was prepared before the work was interrupted."""
    visible = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    strangers = [path.name for path in visible if not (path / DESCRIPTION).exists()]
    if strangers:
        rule = "The output folder is empty or holds a prepared dataset"
        raise UserError(rule, f"{folder} with {strangers[0]}", "Choose another folder.")


def _remove_leftovers(folder: Path) -> None:
    """What a process that was killed had begun: nobody else is at work here now."""
    for path in folder.glob(".*-*"):
        shutil.rmtree(path)


def _keep_only(folder: Path, names: set[str]) -> None:
    """Remove the arrays of cases that are gone or whose files have changed."""
    for path in folder.iterdir():
        if path.is_dir() and path.name not in names:
            shutil.rmtree(path)
