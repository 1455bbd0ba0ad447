"""Whether a file has all that its header promises: SimpleITK does not tell, or asks for the memory first."""

import math
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

CHUNK = 2**20

LARGEST_DEFLATION = 1040
"""No deflated stream unpacks to more times its own size, so a header that promises more is damaged."""

LARGEST_LZW = 3000
"""The same bound for TIFF, whose LZW packs closer: 12 bits may stand for 4 KB."""

META_BYTES = {"CHAR": 1, "UCHAR": 1, "SHORT": 2, "USHORT": 2, "INT": 4, "UINT": 4, "LONG": 4, "ULONG": 4} | {
    "LONG_LONG": 8,
    "ULONG_LONG": 8,
    "FLOAT": 4,
    "DOUBLE": 8,
}
TRUE = ("T", "t", "1")
NRRD_BYTES = (
    dict.fromkeys(("signed char", "int8", "int8_t", "uchar", "unsigned char", "uint8", "uint8_t"), 1)
    | dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), 2)
    | dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), 2)
    | dict.fromkeys(("int", "signed int", "int32", "int32_t", "uint", "unsigned int", "uint32", "uint32_t"), 4)
    | dict.fromkeys(("longlong", "long long", "long long int", "signed long long", "signed long long int"), 8)
    | dict.fromkeys(("ulonglong", "unsigned long long", "unsigned long long int"), 8)
    | dict.fromkeys(("int64", "int64_t", "uint64", "uint64_t", "double"), 8)
    | {"float": 4}
)
TIFF_VALUES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
"""The codes of TIFF's whole-number types -> struct's."""


def check_whole(path: Path, ending: str) -> None:
    """Read enough of a file to know that nothing is missing.

    Raises:
        ValueError: The header is damaged or of a kind that is not read here.
        EOFError: Fewer bytes are there than the header promises.
        zlib.error: A compressed stream is damaged.
    """
    CHECKS[ending](path)


def _check_meta(path: Path) -> None:
    with path.open("rb") as file:
        fields = dict(_fields(file, b"=", last=b"ElementDataFile"))
        start = file.tell()
    kind = fields.get("ElementType", "").removeprefix("MET_").removesuffix("_ARRAY")
    if kind not in META_BYTES or fields.get("BinaryData", "True")[:1] not in TRUE:
        raise ValueError(f"ElementType {kind or 'missing'}, BinaryData {fields.get('BinaryData', 'True')}")
    promised = _product(fields.get("DimSize", "")) * int(fields.get("ElementNumberOfChannels", 1)) * META_BYTES[kind]
    name = fields.get("ElementDataFile", "")
    if name == "LIST" or "%" in name:
        raise ValueError("voxels in several files")
    data, start = (path, start) if name.upper() == "LOCAL" else (path.parent / name, 0)
    is_deflated = fields.get("CompressedData", "False")[:1] in TRUE
    _check_stream(data, start + max(0, int(fields.get("HeaderSize", 0))), promised, is_deflated)


def _check_nrrd(path: Path) -> None:
    with path.open("rb") as file:
        if not file.readline(16).startswith(b"NRRD"):
            raise ValueError("no NRRD header")
        fields = {key.lower(): value for key, value in _fields(file, b":")}
        start = file.tell()
    kind, encoding = fields.get("type", ""), fields.get("encoding", "").lower()
    if kind not in NRRD_BYTES or encoding not in ("raw", "gzip", "gz"):
        raise ValueError(f"type {kind or 'missing'}, encoding {encoding or 'missing'}")
    if any(fields.get(key, "0") not in ("0", "-1") for key in ("line skip", "byte skip", "lineskip", "byteskip")):
        raise ValueError("voxels behind bytes to be skipped")
    name = fields.get("data file", fields.get("datafile"))
    data, start = (path, start) if name is None else (path.parent / name, 0)
    _check_stream(data, start, _product(fields.get("sizes", "")) * NRRD_BYTES[kind], encoding != "raw")


def _fields(file: BinaryIO, sign: bytes, last: bytes | None = None) -> Iterator[tuple[str, str]]:
    """The entries of a header in lines: to an empty line, or through the one that is named `last`."""
    while line := file.readline(CHUNK).strip():
        key, _, value = line.partition(sign)
        yield key.strip().decode("latin-1"), value.strip().decode("latin-1")
        if key.strip() == last:
            return
    if last is not None:
        raise EOFError(f"the header ends before {last.decode()}")


def _product(sizes: str) -> int:
    return math.prod(int(size) for size in sizes.split())


def _check_stream(data: Path, start: int, promised: int, is_deflated: bool) -> None:
    there = data.stat().st_size - start
    if there * (LARGEST_DEFLATION if is_deflated else 1) < promised:
        raise EOFError(f"the header promises {promised} bytes of voxels, there are {max(there, 0)}")
    if is_deflated:
        unpacked = _unpacked_size(data, start)
        if unpacked != promised:
            raise EOFError(f"the header promises {promised} bytes of voxels, {unpacked} unpack")


def _unpacked_size(data: Path, start: int) -> int:
    """Unpack a zlib or gzip stream, checksum and all, and keep nothing of it."""
    stream, size = zlib.decompressobj(zlib.MAX_WBITS | 32), 0
    with data.open("rb") as file:
        file.seek(start)
        while not stream.eof and (chunk := file.read(CHUNK // 16)):
            size += len(stream.decompress(chunk))
    if not stream.eof:
        raise EOFError("the compressed voxels are cut short")
    return size


def _check_png(path: Path) -> None:
    """Only the promise: a PNG has checksums, which its reader looks at."""
    with path.open("rb") as file:
        width, height, bits, colour = struct.unpack(">16xIIBB", file.read(26).ljust(26, b"\0"))
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 0)
    if width * height * bits * samples > 8 * path.stat().st_size * LARGEST_DEFLATION:
        raise EOFError(f"the header promises {width} x {height} pixels, there are {path.stat().st_size} bytes")


def _check_bmp(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(34).ljust(34, b"\0")
    start, width, height, bits, packing = struct.unpack("<10xI4xii2xHI", head)
    if packing not in (0, 3):
        raise ValueError("a packed BMP")
    promised = start + (width * bits + 31) // 32 * 4 * abs(height)
    if promised > path.stat().st_size or width <= 0:
        raise EOFError(f"the header promises {promised} bytes, there are {path.stat().st_size}")


def _check_tiff(path: Path) -> None:
    """Follow the chain of pages: SimpleITK takes a file that ends within it for one of fewer pages."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(16)
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        version = struct.unpack(f"{order or '<'}H", head[2:4].ljust(2, b"\0"))[0]
        if order is None or version not in (42, 43):
            raise ValueError("no TIFF header")
        # A page: how many entries there are, the entries, where the next page starts. BigTIFF has wider numbers.
        count, entry, word, start = ("H", "HHI4s", "I", 4) if version == 42 else ("Q", "HHQ8s", "Q", 8)
        formats = {"count": order + count, "entry": order + entry, "word": order + word}
        page, seen = struct.unpack_from(formats["word"], head.ljust(16, b"\0"), start)[0], set()
        while page:
            if page in seen:
                raise ValueError("its pages go round in a circle")
            seen.add(page)
            page = _check_page(file, page, size, formats)
    if not seen:
        raise EOFError("no page")


def _check_page(file: BinaryIO, page: int, size: int, formats: dict[str, str]) -> int:
    """Check that one page's pixels lie within the file; where the next page starts, 0 behind the last."""
    file.seek(page)
    count = _unpacked(file, formats["count"])[0]
    if count * struct.calcsize(formats["entry"]) > size:
        raise EOFError(f"page at {page} promises {count} entries")
    entries = [_unpacked(file, formats["entry"]) for _ in range(count)]
    following = _unpacked(file, formats["word"])[0]
    tags = {tag: _values(file, formats, entry) for tag, *entry in entries if tag in (256, 257, 258, 273, 279, 324, 325)}
    starts, lengths = tags.get(273, tags.get(324, ())), tags.get(279, tags.get(325, ()))
    if not starts or len(starts) != len(lengths):
        raise ValueError(f"page at {page} does not tell where its pixels are")
    if any(start + length > size for start, length in zip(starts, lengths, strict=True)):
        raise EOFError(f"page at {page} promises pixels behind the end of the file")
    width, height, bits = math.prod(tags.get(256, ())), math.prod(tags.get(257, ())), sum(tags.get(258, (1,)))
    if width * height * bits > 8 * size * LARGEST_LZW:
        raise EOFError(f"page at {page} promises {width} x {height} pixels, there are {size} bytes")
    return following


def _values(file: BinaryIO, formats: dict[str, str], entry: list[Any]) -> tuple[int, ...]:
    """The whole numbers of one entry, which stand in it where they fit and elsewhere in the file where they do not."""
    kind, count, inline = entry
    if kind not in TIFF_VALUES:
        return ()
    if count > file.seek(0, 2):
        raise EOFError(f"an entry of {count} values")
    layout = f"{formats['word'][0]}{count}{TIFF_VALUES[kind]}"
    if struct.calcsize(layout) <= len(inline):
        return struct.unpack_from(layout, inline)
    file.seek(struct.unpack(formats["word"], inline)[0])
    return _unpacked(file, layout)


def _unpacked(file: BinaryIO, layout: str) -> tuple[Any, ...]:
    content = file.read(struct.calcsize(layout))
    if len(content) < struct.calcsize(layout):
        raise EOFError("the file ends within a page")
    return struct.unpack(layout, content)


CHECKS: dict[str, Callable[[Path], None]] = {
    ".mha": _check_meta,
    ".mhd": _check_meta,
    ".nrrd": _check_nrrd,
    ".png": _check_png,
    ".bmp": _check_bmp,
    ".tif": _check_tiff,
    ".tiff": _check_tiff,
}
