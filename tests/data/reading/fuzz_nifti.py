"""NIfTI-1 and Analyze 7.5 read by hand from their published layouts, and gzip by zlib."""

import math
import struct
import zlib
from dataclasses import replace

import numpy as np
from fuzz_expected import RefusedError, Seen, three_axes

from trimformer.data.rules import GREY, HAS_SPACING, NOT_EMPTY, READABLE

TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
COLOURS = {128: 24, 2304: 32}
"""Bits of red, green, blue, and of the same with a fourth."""
HEADER = 348
EPSILON = 3 * float(np.finfo(np.float32).eps)


def unzipped(content: bytes) -> bytes:
    """All members of a gzip file; zeros may follow."""
    parts, first = [], True
    while content and (first or content.strip(b"\0")):
        first, stream = False, zlib.decompressobj(31)
        try:
            parts.append(stream.decompress(content))
        except zlib.error:
            raise RefusedError(READABLE) from None
        if not stream.eof:
            raise RefusedError(READABLE)
        content = stream.unused_data
    return b"".join(parts)


def read_single(content: bytes) -> Seen:
    """A .nii file."""
    order = _order(content)
    if content[344:348] != b"n+1\0":
        raise RefusedError(READABLE)
    start = _start(content, order, lowest=352)
    voxels = _voxels(content, order, content[start:])
    return _seen(content, order, _scaled(voxels, content, order))


def read_two(header: bytes, content: bytes) -> Seen:
    """A .hdr file and the .img file beside it: NIfTI where the magic says so, else Analyze."""
    order = _order(header)
    if header[344:348] == b"n+1\0":
        raise RefusedError(READABLE)
    start = _start(header, order, lowest=0)
    voxels = _voxels(header, order, content[start:])
    if header[344:348] == b"ni1\0":
        seen = _seen(header, order, _scaled(voxels, header, order))
        # What follows is an extension, or rubbish that looks like one.
        return replace(seen, or_refused=(*seen.or_refused, READABLE)) if header[348:349].strip(b"\0") else seen
    maybe = (READABLE,) if b"i1" in header[344:348] or b"n" in header[344:345] else ()
    voxels = three_axes(_multiplied(voxels, header, order))
    return Seen(voxels, _sizes(header, order, voxels.shape), None, maybe)


def _order(header: bytes) -> str:
    if len(header) < HEADER:
        raise RefusedError(READABLE)
    for order in "<>":
        if struct.unpack_from(order + "i", header)[0] == HEADER:
            return order
    raise RefusedError(READABLE)


def _start(header: bytes, order: str, lowest: int) -> int:
    (offset,) = struct.unpack_from(order + "f", header, 108)
    if not math.isfinite(offset) or offset != int(offset) or offset < lowest:
        raise RefusedError(READABLE)
    return int(offset)


def _voxels(header: bytes, order: str, content: bytes) -> np.ndarray:
    axes, *sizes = struct.unpack_from(order + "8h", header, 40)
    code, bits = struct.unpack_from(order + "2h", header, 70)
    if COLOURS.get(code) == bits:
        raise RefusedError(GREY, READABLE)
    if not 1 <= axes <= 7 or code not in TYPES or bits != 8 * np.dtype(TYPES[code]).itemsize:
        raise RefusedError(READABLE)
    shape = sizes[:axes]
    if min(shape) < 0:
        raise RefusedError(READABLE)
    if 0 in shape:
        raise RefusedError(NOT_EMPTY)
    count = math.prod(shape)
    if count * bits // 8 > len(content):
        raise RefusedError(READABLE)
    return np.frombuffer(content, np.dtype(order + TYPES[code]), count).reshape(shape, order="F")


def _scaled(voxels: np.ndarray, header: bytes, order: str) -> np.ndarray:
    slope, shift = struct.unpack_from(order + "2f", header, 112)
    if slope == 0 or not math.isfinite(slope):
        return voxels
    if not math.isfinite(shift):
        raise RefusedError(READABLE)
    return voxels if (slope, shift) == (1, 0) else voxels.astype(np.float64) * slope + shift


def _multiplied(voxels: np.ndarray, header: bytes, order: str) -> np.ndarray:
    """The one factor that SPM keeps in Analyze, in an unused float; other fields are about how to show it."""
    (slope,) = struct.unpack_from(order + "f", header, 112)
    return voxels if slope in (0, 1) or not math.isfinite(slope) else voxels.astype(np.float64) * slope


def _seen(header: bytes, order: str, voxels: np.ndarray) -> Seen:
    voxels = three_axes(voxels)
    qform, sform = struct.unpack_from(order + "2h", header, 252)
    if not (0 <= qform <= 5 and 0 <= sform <= 5):
        raise RefusedError(READABLE)
    if sform:
        rows = np.array(struct.unpack_from(order + "12f", header, 280)).reshape(3, 4)
        affine = np.vstack([rows, [0, 0, 0, 1]])
    elif qform:
        affine = _from_quaternion(header, order, _sizes(header, order, voxels.shape))
    else:
        return Seen(voxels, _sizes(header, order, voxels.shape))
    if not np.isfinite(affine).all():
        return Seen(voxels, np.full(3, np.nan), affine, (READABLE,))
    return Seen(voxels, np.sqrt((affine[:3, :3] ** 2).sum(axis=0)), affine)


def _sizes(header: bytes, order: str, shape: tuple[int, ...]) -> np.ndarray:
    """Voxel sizes; a sign is a habit of old software, and an axis of one voxel may go without."""
    sizes = np.abs(np.array(struct.unpack_from(order + "3f", header, 80)))
    return np.where((np.array(shape[:3]) == 1) & ~(sizes > 0), 1.0, sizes)


def _from_quaternion(header: bytes, order: str, sizes: np.ndarray) -> np.ndarray:
    (side,) = struct.unpack_from(order + "f", header, 76)
    b, c, d, x, y, z = struct.unpack_from(order + "6f", header, 256)
    if side not in (-1, 0, 1):
        raise RefusedError(READABLE)
    if not (np.isfinite(sizes).all() and all(map(math.isfinite, (b, c, d, x, y, z)))):
        raise RefusedError(HAS_SPACING, READABLE)
    rest = 1 - (b * b + c * c + d * d)
    if rest < -EPSILON:
        raise RefusedError(READABLE)
    a = math.sqrt(rest) if rest > EPSILON else 0.0
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.diag(sizes * [1, 1, side or 1])
    affine[:3, 3] = x, y, z
    return affine
