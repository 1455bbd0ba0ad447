"""What decides the arrays of a case, as one digest."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from glob import escape
from pathlib import Path

from trimformer.data.layout import Case, Layout
from trimformer.data.rules import FILE_EXISTS

VERSION = 1
"""To be raised when the arrays that the same files and settings give change in any way."""

HEADERS = (".hdr", ".img", ".mhd")
"""Endings of files that stand for a pair."""


def content_key(layout: Layout, case: Case) -> str:
    """SHA-256 of what decides the arrays of a case: its files' content, or its recipe, and every setting.

    Raises:
        FileError: A file is missing.
    """
    settings = [VERSION, layout.preprocessing.document(), sorted(layout.label_values.items()), case.recipe]
    digest = hashlib.sha256(json.dumps(settings).encode())
    for content in file_digests((*case.images, *(case.labels or ()))):
        digest.update(content)
    return digest.hexdigest()


def file_digests(paths: Iterable[Path]) -> Iterator[bytes]:
    """SHA-256 of the content of each file, and of the other half of those that are pairs.

    Raises:
        FileError: A file is missing.
    """
    for path in paths:
        yield from map(_digest_of, _with_pair(path))


def _digest_of(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except FileNotFoundError:
        raise FILE_EXISTS.broken(file, "no such file") from None


def _with_pair(path: Path) -> Iterator[Path]:
    """The file, and its other half where the two belong together."""
    yield path
    if path.suffix.lower() in HEADERS:
        yield from sorted(other for other in path.parent.glob(f"{escape(path.stem)}.*") if other != path)
