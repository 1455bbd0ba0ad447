"""Where a bundle goes: a folder that is there whole or not at all, and in place of nothing but a bundle."""

import os
from collections.abc import Callable
from pathlib import Path

from trimformer.deploy.export.bundle.bundle import FILES, write_bundle
from trimformer.deploy.export.subject import Subject
from trimformer.records.errors import UserError
from trimformer.records.files import write_whole_folder
from trimformer.records.progress import Progress, silent
from trimformer.records.run_folder import RunFolder

STEPS = 3


def export_bundle(
    run: RunFolder, out: Path | None, load: Callable[[], Subject], overwrite: bool, progress: Progress = silent
) -> Path:
    """Write a run as a MONAI bundle.

    Args:
        run: A run that is trained.
        out: The bundle's folder, or one that is there and in which it is to be; by default `exports` in the run folder.
        load: Gives the run's network.
        overwrite: Whether a bundle that is there may be replaced.
        progress: Told after each of three steps: the run is loaded, written and checked, moved into place.

    Returns:
        The bundle's folder.

    Raises:
        UserError: Something is in the way, the run is damaged, or its network cannot be traced.
    """
    folder = _place(run, out)
    _refuse_loss(folder, overwrite)
    name = f"exporting {run.name}"
    progress(name, 0, STEPS)
    subject = load()
    progress(name, 1, STEPS)

    def fill(temporary: Path) -> None:
        write_bundle(subject, temporary)
        progress(name, 2, STEPS)

    write_whole_folder(folder, fill)
    progress(name, STEPS, STEPS)
    return folder


def _place(run: RunFolder, out: Path | None) -> Path:
    name = f"{run.name}-bundle"
    folder = out or run.path / "exports" / name
    is_bundle = all((folder / file).is_file() for file in FILES)
    return folder / name if folder.is_dir() and not is_bundle else folder


def _refuse_loss(folder: Path, overwrite: bool) -> None:
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not folder.is_dir():
        raise UserError("A bundle is a folder", f"{folder}, which is none", "Choose another --out.")
    others = sorted(_files_in(folder) - set(FILES))
    if others:
        raise UserError(
            "A bundle replaces nothing but a bundle", f"{folder} with {others[0]}", "Move it, or choose another --out."
        )
    if not overwrite:
        raise UserError("Nothing is overwritten unasked", folder, "Choose another --out, or add --overwrite.")


def _files_in(folder: Path) -> set[str]:
    """Everything in a folder that is no folder itself, by its path from there."""
    return {
        (Path(place) / name).relative_to(folder).as_posix()
        for place, folders, names in os.walk(folder)
        for name in (*names, *(inner for inner in folders if (Path(place) / inner).is_symlink()))
    }
