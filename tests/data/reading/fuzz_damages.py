"""What is done to a whole case: each damage has a name that tells it, and the same bytes every time."""

import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fuzz_made import Files, Kind
from fuzz_nifti import unzipped
from fuzz_written import zipped

from trimformer.data.rules import Rule

Change = Callable[[bytes], bytes | None]
"""New content for old; None where the file is to be missing."""

READ = "read"
"""Stated of a damage that is none."""


@dataclass(frozen=True)
class Damage:
    """A case after something was done to it; `stated` is what a person expects of it, where that is worth a word."""

    name: str
    kind: Kind
    files: Files
    stated: Rule | str | None = None


def one(kind: Kind, path: str, name: str, change: Change, stated: Rule | str | None = None) -> Damage:
    """One file of the case changed."""
    new = change(kind.files[path])
    files = {other: content for other, content in kind.files.items() if other != path}
    role = {kind.image: "image", kind.labels: "labels"}.get(path, path)
    return Damage(f"{kind.name}-{role}-{name}", kind, files if new is None else files | {path: new}, stated)


def flipped(place: int, mask: int) -> Change:
    """One byte exclusive-or `mask`."""
    return lambda content: content[:place] + bytes([content[place] ^ mask]) + content[place + 1 :]


def inside(change: Change) -> Change:
    """A change of what a gzip file holds."""

    def changed(content: bytes) -> bytes | None:
        new = change(unzipped(content))
        return None if new is None else zipped(new)

    return changed


def put(content: bytes) -> Change:
    """Other content altogether."""
    return lambda _: content


def first(length: int) -> Change:
    """Nothing behind so many bytes."""
    return lambda content: content[:length]


def poked(place: int, layout: str, *values: float | bytes) -> Change:
    """Numbers written over what stands there."""
    size = struct.calcsize(layout)
    return lambda content: content[:place] + struct.pack(layout, *values) + content[place + size :]


def flips(kind: Kind, path: str, places: range | list[int], is_zipped: bool = False) -> Iterator[Damage]:
    """Each of these bytes changed by itself."""
    for place in places:
        mask = random.Random(f"{kind.name} {path} {place}").randrange(1, 256)
        change = flipped(place, mask)
        yield one(kind, path, f"byte-{place}-xor-{mask}", inside(change) if is_zipped else change)


def some(kind: Kind, path: str, count: int, start: int = 0, end: int | None = None) -> list[int]:
    """Places drawn from a file, the same every time."""
    size = len(kind.files[path])
    places = range(start, size if end is None else end)
    return sorted(random.Random(f"{kind.name} {path} {start}").sample(places, min(count, len(places))))


def cuts(kind: Kind, path: str, count: int = 10) -> Iterator[Damage]:
    """A file cut short: within the header, within the voxels, before its last byte."""
    size = len(kind.files[path])
    for length in sorted({10, size // 2, size - 1, *some(kind, path, count)}):
        yield one(kind, path, f"cut-to-{length}", first(length))


def holes(kind: Kind, path: str, count: int = 6, size: int = 24) -> Iterator[Damage]:
    """Blocks of zeros, as a bad disk leaves them."""
    for place in some(kind, path, count):
        yield one(kind, path, f"zeros-at-{place}", poked(place, f"{min(size, len(kind.files[path]) - place)}x"))


Stated = tuple[str, Change, Rule | str | None]
"""A damage's name, what it does, and what a person expects."""
