"""Files that are written whole or not at all, and read with a clear word when they are damaged."""

import io
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trimformer.records.errors import NotWritableError, UserError


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary neighbour of `path`, then move it into place in one step.

    Raises:
        NotWritableError: The disk is full or the folder cannot be written; nothing is left behind.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as neighbour:
            temporary = Path(neighbour) / path.name
            write(temporary)
            temporary.replace(path)
    except OSError as error:
        raise NotWritableError(path, error) from error


def write_whole_folder(path: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` write files into a temporary neighbour of the folder `path`, then move it into place in one step.

    What stood at `path` before is replaced. A process that is killed leaves a neighbour whose name begins with a dot.

    Raises:
        NotWritableError: The disk is full or the folder cannot be written; nothing is left behind.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as neighbour:
            temporary = Path(neighbour) / path.name
            temporary.mkdir()
            fill(temporary)
            if path.exists():
                shutil.rmtree(path)
            temporary.replace(path)
    except OSError as error:
        raise NotWritableError(path, error) from error


def write_together(files: Sequence[Path], fill: Callable[[Path], None]) -> None:
    """Let `fill` write files of these names into a folder, then move them into place one right after the other.

    Args:
        files: In one folder. The last one is what the others are about: an old one goes first, and the new one comes
            last, so that what lies beside it belongs to it.
        fill: Writes them all.

    Raises:
        NotWritableError: The disk is full or the folder cannot be written; nothing is left behind.
    """
    last = files[-1]
    temporary = last.with_name(f".{last.name}.partial")
    try:
        shutil.rmtree(temporary, ignore_errors=True)  # of a process that was killed
        temporary.mkdir(parents=True)
        fill(temporary)
        last.unlink(missing_ok=True)
        for file in files:
            (temporary / file.name).replace(file)
    except OSError as error:
        raise NotWritableError(last, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary neighbours that processes left in `folder` when they were killed while they wrote."""
    for neighbour in folder.glob(".*-*"):
        name = re.fullmatch(r"\.(.+)-[a-z0-9_]{8}", neighbour.name)
        if name and neighbour.is_dir() and {path.name for path in neighbour.iterdir()} <= {name[1]}:
            shutil.rmtree(neighbour, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8."""
    write_whole(path, lambda temporary: _put(temporary, text.encode()))


def write_json(path: Path, document: object) -> None:
    """Write `document` as indented JSON; NaN is refused, since it is no JSON."""
    write_text(path, json.dumps(document, indent=2, allow_nan=False) + "\n")


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays as a compressed npz file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **dict(arrays))
    write_whole(path, lambda temporary: _put(temporary, buffer.getvalue()))


def read_text(path: Path, next_step: str) -> str:
    """Read a UTF-8 file.

    Raises:
        UserError: The file is missing, a folder, or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError("The file must exist and be readable", f"{path}: {error.strerror}", next_step) from None
    except UnicodeDecodeError:
        raise UserError("The file must be UTF-8 text", path, next_step) from None


def read_json(path: Path, next_step: str) -> Any:
    """Read a JSON document.

    Raises:
        UserError: The file is missing or is not JSON.
    """
    try:
        return json.loads(read_text(path, next_step))
    except json.JSONDecodeError as error:
        raise UserError("The file must be JSON", f"{path}: {error}", next_step) from None


def read_arrays(path: Path, next_step: str) -> dict[str, np.ndarray]:
    """Read every array of an npz file; pickled objects are refused.

    Raises:
        UserError: The file is missing or damaged.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:  # TypeError: a lone array
        raise UserError("The file must be a whole npz archive", f"{path}: {error}", next_step) from None


def _put(path: Path, content: bytes) -> None:
    path.write_bytes(content)
