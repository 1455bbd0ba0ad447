"""Small valid files of each format, put together byte by byte."""

import gzip
import io
import json
import struct
import zipfile
import zlib
from typing import Literal

import h5py
import numpy as np

SHAPE = (6, 5, 4)
SPACING = (0.9, 1.1, 2.5)
ORIGIN = (-20.5, 13.0, 7.25)
RANDOM = np.random.default_rng(18)
IMAGE = RANDOM.integers(1, 1000, SHAPE).astype(np.int16)
LABELS = RANDOM.integers(0, 3, SHAPE).astype(np.uint8)
QUATERNION = [float(np.float32(value)) for value in (0.1, -0.2, 0.3)]
CODES = {"u1": 2, "i2": 4, "i4": 8, "f4": 16, "f8": 64}


def rotation() -> np.ndarray:
    """The turn that the quaternion stands for."""
    b, c, d = QUATERNION
    a = (1 - b * b - c * c - d * d) ** 0.5
    return np.array(
        [
            [1 - 2 * (c * c + d * d), 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), 1 - 2 * (b * b + d * d), 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), 1 - 2 * (b * b + c * c)],
        ]
    )


def nifti(voxels: np.ndarray, order: Literal["<", ">"] = "<", sform: bool = True, magic: bytes = b"n+1\0") -> bytes:
    """Header, four bytes for extensions and voxels; the voxels of a pair are what follows byte 352."""
    header = bytearray(352)
    stored = voxels.astype(voxels.dtype.newbyteorder(order))
    struct.pack_into(order + "i", header, 0, 348)
    struct.pack_into(order + "8h", header, 40, voxels.ndim, *map(int, voxels.shape), *[1] * (7 - voxels.ndim))
    struct.pack_into(order + "2h", header, 70, CODES[stored.dtype.str[1:]], 8 * stored.itemsize)
    struct.pack_into(order + "8f", header, 76, 1, *SPACING, 0, 0, 0, 0)
    struct.pack_into(order + "3f", header, 108, 352 if magic == b"n+1\0" else 0, 1, 0)
    header[123] = 2
    if magic in (b"n+1\0", b"ni1\0"):
        struct.pack_into(order + "2h", header, 252, 1, 2 if sform else 0)
        struct.pack_into(order + "6f", header, 256, *QUATERNION, *ORIGIN)
        rows = np.hstack([rotation() * SPACING, np.array(ORIGIN)[:, None]])
        struct.pack_into(order + "12f", header, 280, *rows.ravel())
    else:
        struct.pack_into(order + "2i", header, 140, 1000, 0)  # glmax, glmin, as old software wrote them
    header[344:348] = magic
    return bytes(header) + stored.tobytes(order="F")


def zipped(content: bytes) -> bytes:
    """gzip without a time, so that it is the same every day."""
    return gzip.compress(content, mtime=0)


def dataset_json(ending: str) -> bytes:
    """nnU-Net's description of one case with two classes."""
    document = {
        "channel_names": {"0": "T1"},
        "labels": {"background": 0, "one": 1, "two": 2},
        "numTraining": 1,
        "file_ending": ending,
    }
    return json.dumps(document).encode()


def nrrd(voxels: np.ndarray, packed: bool) -> bytes:
    """A .nrrd file, LPS as ITK writes it."""
    columns = np.diag([-1, -1, 1]) @ rotation() * SPACING
    directions = " ".join("(" + ",".join(f"{number:.17g}" for number in column) + ")" for column in columns.T)
    kind, body = {"i2": "int16", "u1": "uint8"}[voxels.dtype.str[1:]], voxels.tobytes(order="F")
    lines = (
        "NRRD0004",
        "# made by hand",
        f"type: {kind}",
        "dimension: 3",
        "space: left-posterior-superior",
        f"sizes: {' '.join(map(str, voxels.shape))}",
        f"space directions: {directions}",
        "kinds: domain domain domain",
        "endian: little",
        f"encoding: {'gzip' if packed else 'raw'}",
        f"space origin: ({-ORIGIN[0]},{-ORIGIN[1]},{ORIGIN[2]})",
    )
    return "\n".join(lines).encode() + b"\n\n" + (zipped(body) if packed else body)


def meta(voxels: np.ndarray, packed: bool = False, name: str = "LOCAL") -> tuple[bytes, bytes]:
    """Header and voxels of a MetaImage."""
    turn = (np.diag([-1, -1, 1]) @ rotation()).T
    kind, body = {"i2": "MET_SHORT", "u1": "MET_UCHAR"}[voxels.dtype.str[1:]], voxels.tobytes(order="F")
    body = zlib.compress(body) if packed else body
    lines = (
        "ObjectType = Image",
        "NDims = 3",
        "BinaryData = True",
        "BinaryDataByteOrderMSB = False",
        f"CompressedData = {packed}",
        *((f"CompressedDataSize = {len(body)}",) if packed else ()),
        f"TransformMatrix = {' '.join(f'{number:.17g}' for number in turn.ravel())}",
        f"Offset = {-ORIGIN[0]} {-ORIGIN[1]} {ORIGIN[2]}",
        "CenterOfRotation = 0 0 0",
        "AnatomicalOrientation = RAI",
        f"ElementSpacing = {' '.join(map(str, SPACING))}",
        f"DimSize = {' '.join(map(str, voxels.shape))}",
        f"ElementType = {kind}",
        f"ElementDataFile = {name}",
    )
    return "\n".join(lines).encode() + b"\n", body


def png(rows: np.ndarray) -> bytes:
    """A grey PNG whose rows go through each of the filters."""
    height, width = rows.shape
    step = rows.itemsize
    plain = [row.astype(rows.dtype.newbyteorder(">")).tobytes() for row in rows]
    packed = b"".join(
        _filtered(number % 5, row, above, step)
        for number, (row, above) in enumerate(zip(plain, [bytes(width * step), *plain[:-1]], strict=True))
    )
    head = struct.pack(">IIBBBBB", width, height, 8 * step, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(packed)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(name, body) for name, body in parts)


def chunk(name: bytes, body: bytes) -> bytes:
    """A part of a PNG with its checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _filtered(kind: int, row: bytes, above: bytes, step: int) -> bytes:
    coded = bytearray([kind])
    for place, value in enumerate(row):
        left, corner = (row[place - step], above[place - step]) if place >= step else (0, 0)
        up, near = above[place], left + above[place] - corner
        paeth = min((left, up, corner), key=lambda guess: abs(near - guess))
        coded.append((value - (0, left, up, (left + up) // 2, paeth)[kind]) % 256)
    return bytes(coded)


def bmp(rows: np.ndarray) -> bytes:
    """A grey BMP with its table of 256 colours, rows from below."""
    height, width = rows.shape
    body = b"".join(row.tobytes() + bytes(-width % 4) for row in rows[::-1])
    table = b"".join(bytes([value, value, value, 0]) for value in range(256))
    head = struct.pack("<2sIII", b"BM", 54 + len(table) + len(body), 0, 54 + len(table))
    return head + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 0, len(body), 0, 0, 256, 0) + table + body


def tiff(rows: np.ndarray, order: str = "<") -> bytes:
    """A TIFF of one strip of grey values."""
    height, width = rows.shape
    tags: tuple[tuple[int, int, int], ...] = (
        (256, 4, width),
        (257, 4, height),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 8),
        (277, 3, 1),
        (278, 4, height),
        (279, 4, rows.size),
        (339, 3, 1),
    )
    entries = b"".join(
        struct.pack(order + "HHI", tag, kind, 1) + struct.pack(order + ("I" if kind == 4 else "H2x"), value)
        for tag, kind, value in tags
    )
    place = 8 + rows.size + rows.size % 2
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", place)
    return start + rows.tobytes() + bytes(rows.size % 2) + struct.pack(order + "H", len(tags)) + entries + bytes(4)


def npz(**arrays: np.ndarray) -> bytes:
    """An archive as np.savez writes it, without a time."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue())
    return stream.getvalue()


def h5(**arrays: np.ndarray) -> bytes:
    """A file of arrays, without a time."""
    stream = io.BytesIO()
    with h5py.File(stream, "w", track_order=False) as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, track_times=False)
    return stream.getvalue()
