"""PNG, BMP and TIFF read by hand, as far as the damages go: one picture of grey values or colours."""

import struct
import zlib

import numpy as np
from fuzz_expected import RefusedError, Seen

from trimformer.data.rules import READABLE, Rule

UNIT = np.ones(3)
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def seen(rows: np.ndarray, or_refused: tuple[Rule, ...] = ()) -> Seen:
    """A picture (rows, columns) or (rows, columns, colours) as one slice; equal colours are grey."""
    if rows.ndim == 3 and (rows == rows[..., :1]).all():
        rows = rows[..., 0]
    return Seen(rows.swapaxes(0, 1)[:, :, None], UNIT, LPS_TO_RAS, or_refused)


def read_png(content: bytes) -> Seen:
    """A PNG file; what is damaged in it no longer fits a checksum."""
    if content[:8] != b"\x89PNG\r\n\x1a\n":
        raise RefusedError(READABLE)
    parts = _chunks(content)
    if parts[0][0] != b"IHDR" or len(parts[0][1]) != 13:
        raise RefusedError(READABLE)
    width, height, bits, colour, packing, filters, interlace = struct.unpack(">IIBBBBB", parts[0][1])
    samples = {0: 1, 2: 3}.get(colour, 0)
    if bits not in (8, 16) or not samples or (packing, filters, interlace) != (0, 0, 0) or 0 in (width, height):
        raise RefusedError(READABLE)
    try:
        packed = zlib.decompress(b"".join(body for name, body in parts if name == b"IDAT"))
    except zlib.error:
        raise RefusedError(READABLE) from None
    step = samples * bits // 8
    if len(packed) < height * (1 + width * step):
        raise RefusedError(READABLE)
    too_much = (READABLE,) if len(packed) > height * (1 + width * step) else ()
    rows = np.frombuffer(_unfiltered(packed, height, width * step, step), f">u{bits // 8}")
    return seen(rows.reshape((height, width) if samples == 1 else (height, width, samples)), too_much)


def _chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    parts: list[tuple[bytes, bytes]] = []
    place = 8
    while not parts or parts[-1][0] != b"IEND":
        if place + 12 > len(content):
            raise RefusedError(READABLE)
        size, name = struct.unpack_from(">I4s", content, place)
        body, checksum = content[place + 8 : place + 8 + size], content[place + 8 + size : place + 12 + size]
        if zlib.crc32(name + body).to_bytes(4, "big") != checksum:
            raise RefusedError(READABLE)
        parts.append((name, body))
        place += 12 + size
    return parts


def _unfiltered(packed: bytes, height: int, length: int, step: int) -> bytes:
    rows, above = [], bytes(length)
    for number in range(height):
        kind, *stored = packed[number * (length + 1) : (number + 1) * (length + 1)]
        row = bytearray(length)
        for place, value in enumerate(stored):
            left = row[place - step] if place >= step else 0
            corner = above[place - step] if place >= step else 0
            row[place] = (value + _guess(kind, left, above[place], corner)) % 256
        rows.append(bytes(row))
        above = rows[-1]
    return b"".join(rows)


def _guess(kind: int, left: int, up: int, corner: int) -> int:
    if kind > 4:
        raise RefusedError(READABLE)
    paeth = min((left, up, corner), key=lambda near: abs(left + up - corner - near))
    return (0, left, up, (left + up) // 2, paeth)[kind]


def read_bmp(content: bytes) -> Seen:
    """A BMP file of 8 bits with a table of colours."""
    if len(content) < 54 or content[:2] != b"BM":
        raise RefusedError(READABLE)
    start, head, width, height, planes, bits, packing = struct.unpack_from("<IIiiHHI", content, 10)
    used = struct.unpack_from("<I", content, 46)[0] or 256
    if (head, bits, packing) != (40, 8, 0) or width < 1 or height == 0:
        raise RefusedError(READABLE)
    doubts = (READABLE,) if planes != 1 or used != 256 or start != 54 + 4 * used else ()
    stride = (width + 3) // 4 * 4
    if start + stride * abs(height) > len(content):
        raise RefusedError(READABLE)
    rows = np.frombuffer(content, np.uint8, stride * abs(height), start).reshape(abs(height), stride)[:, :width]
    table = np.frombuffer(content, np.uint8, 4 * 256, 54).reshape(256, 4)[:, 2::-1]
    return seen(table[rows if height < 0 else rows[::-1]], doubts)


def read_tiff(content: bytes) -> Seen:
    """A TIFF file of one page, one strip, one grey value a pixel, not packed."""
    tags = _tags(content)
    expected = {258: (8,), 259: (1,), 277: (1,), 339: (1,)}
    whitest = {0: 255, 1: 0}.get(tags.get(262, (2,))[0])
    if any(tags.get(tag, value) != value for tag, value in expected.items()) or whitest is None or 258 not in tags:
        raise RefusedError(READABLE)
    try:
        (width,), (height,), (start,), (size,) = (tags[tag] for tag in (256, 257, 273, 279))
        (in_strip,) = tags.get(278, (2**32 - 1,))
    except (KeyError, ValueError):
        raise RefusedError(READABLE) from None
    count = width * height
    if size < count or count == 0 or start + size > len(content) or in_strip < height:
        raise RefusedError(READABLE)
    doubts = (READABLE,) if size > count or 339 not in tags else ()
    rows = np.frombuffer(content, np.uint8, count, start).reshape(height, width)
    return seen(rows ^ np.uint8(whitest), doubts)


def _tags(content: bytes) -> dict[int, tuple[int, ...]]:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(content[:4])
    if order is None:
        raise RefusedError(READABLE)
    tags: dict[int, tuple[int, ...]] = {}
    try:
        (place,) = struct.unpack_from(order + "I", content, 4)
        (count,) = struct.unpack_from(order + "H", content, place)
        for number in range(count):
            tag, kind, length = struct.unpack_from(order + "HHI", content, place + 2 + 12 * number)
            form, size = {1: ("B", 1), 3: ("H", 2), 4: ("I", 4)}.get(kind, ("", 5))
            if size * length > 4 and tag == 339:
                continue  # of no weight: whole numbers are what is meant without it
            if size * length > 4:
                raise RefusedError(READABLE)
            if tags and tag <= max(tags):
                raise RefusedError(READABLE)
            tags[tag] = struct.unpack_from(f"{order}{length}{form}", content, place + 10 + 12 * number)
        (following,) = struct.unpack_from(order + "I", content, place + 2 + 12 * count)
    except struct.error:
        raise RefusedError(READABLE) from None
    if following:
        raise RefusedError(READABLE)
    return tags
