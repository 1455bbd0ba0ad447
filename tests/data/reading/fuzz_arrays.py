"""npz by hand: the zip directory, the checksum and the npy header are read from their published layouts."""

import ast
import struct
import zlib

import numpy as np
from fuzz_expected import RefusedError, Seen, UnclearError

from trimformer.data.rules import FINITE, NOT_EMPTY, READABLE, SAME_SHAPE, THREE_AXES

UNIT = np.ones(3)


def read_npz(slices: list[bytes]) -> tuple[Seen, Seen]:
    """Image and labels of a case of one archive a slice, stacked along the first axis."""
    planes: list[tuple[np.ndarray, np.ndarray]] = []
    for content in slices:
        image, labels = (npy(member(content, name)) for name in (b"image.npy", b"label.npy"))
        if 0 in (image.size, labels.size):
            raise RefusedError(NOT_EMPTY)
        if image.ndim != 2:
            raise RefusedError(THREE_AXES)
        if image.shape != labels.shape or (planes and planes[0][0].shape != image.shape):
            raise RefusedError(SAME_SHAPE)
        if not np.isfinite(image).all():
            raise RefusedError(FINITE)
        planes.append((image, labels))
    image, labels = (np.stack([plane[side] for plane in planes]) for side in (0, 1))
    return Seen(image, UNIT, np.eye(4)), Seen(labels, UNIT, np.eye(4))


def member(archive: bytes, name: bytes) -> bytes:
    """A file of a zip archive, found through the directory at its end, checked by its checksum."""
    try:
        place, count = _directory(archive)
        for _ in range(count):
            head = struct.unpack_from("<4s6H3I5H2I", archive, place)
            this = archive[place + 46 : place + 46 + head[10]]
            if head[0] != b"PK\1\2":
                raise UnclearError
            if this == name:
                return _stored(archive, name, head)
            place += 46 + head[10] + head[11] + head[12]
    except (struct.error, zlib.error):
        pass
    raise UnclearError


def npy(content: bytes) -> np.ndarray:
    """An array of plain numbers."""
    if content[:6] != b"\x93NUMPY" or content[6:8] not in (b"\1\0", b"\2\0", b"\3\0"):
        raise RefusedError(READABLE)
    width = 2 if content[6] == 1 else 4
    start = 8 + width + int.from_bytes(content[8 : 8 + width], "little")
    try:
        head = ast.literal_eval(content[8 + width : start].decode("latin-1").strip())
        kind, shape = np.dtype(head["descr"]), tuple(head["shape"])
        if kind.kind not in "iufb":
            raise RefusedError(READABLE)
        values: np.ndarray = np.frombuffer(content, kind, int(np.prod(shape)), start)
        return values.reshape(shape[::-1]).T if head["fortran_order"] else values.reshape(shape)
    except (SyntaxError, ValueError, KeyError, TypeError):
        raise RefusedError(READABLE) from None


def _directory(archive: bytes) -> tuple[int, int]:
    """Where the directory starts, and how many files it lists."""
    end = archive.rfind(b"PK\5\6")
    if end < 0:
        raise UnclearError
    _, here, first, count, total, _, place, comment = struct.unpack_from("<4s4H2IH", archive, end)
    if (here, first) != (0, 0) or count != total or len(archive) != end + 22 + comment:
        raise UnclearError
    return place, count


def _stored(archive: bytes, name: bytes, head: tuple[int, ...]) -> bytes:
    _, _, _, flags, method, _, _, checksum, packed, size, _, _, _, _, _, _, place = head
    local = struct.unpack_from("<4s5H3I2H", archive, place)
    start = place + 30 + local[9] + local[10]
    if local[0] != b"PK\3\4" or archive[place + 30 : place + 30 + local[9]] != name or flags & ~0x800:
        raise UnclearError
    content = archive[start : start + packed]
    if method == 8:
        content = zlib.decompress(content, -15)
    elif method != 0:
        raise UnclearError
    if len(content) != size:
        raise UnclearError
    if zlib.crc32(content) != checksum:
        raise RefusedError(READABLE)
    return content
