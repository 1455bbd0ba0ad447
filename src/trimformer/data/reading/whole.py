"""Whether a file has all that its header promises: SimpleITK does not tell, or asks for the memory first."""

import math
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

CHUNK = 2**18
"""Bytes of a piece, packed or unpacked."""

LARGEST_DEFLATION = 1040
"""No deflated stream unpacks to more times its own size, so a header that promises more is damaged."""

META_BYTES = {"CHAR": 1, "UCHAR": 1, "SHORT": 2, "USHORT": 2, "INT": 4, "UINT": 4, "LONG": 4, "ULONG": 4} | {
    "LONG_LONG": 8,
    "ULONG_LONG": 8,
    "FLOAT": 4,
    "DOUBLE": 8,
}
META_VECTORS = ("DimSize", "Offset", "Origin", "Position", "CenterOfRotation", "ElementSpacing", "ElementSize")
META_MATRICES = ("TransformMatrix", "Rotation", "Orientation")
VECTORS = re.compile(r"((none|\(\s*[^\s,()]+(\s*,\s*[^\s,()]+)*\s*\))\s*)+")
"""NRRD's way to write vectors: (1,0,0) (0,1,0) none."""
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?(nan|inf)", re.IGNORECASE)
"""SimpleITK takes the sound beginning of a damaged number for the whole of it."""
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


def check_metaimage(path: Path) -> None:
    """Check a MetaImage file, with the file of its voxels if that is another.

    Raises:
        ValueError: The header is damaged or of a kind that is not read here.
        EOFError: Fewer bytes are there than the header promises.
        zlib.error: A compressed stream is damaged.
    """
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
    _check_meta_numbers(fields)
    is_deflated, there = fields.get("CompressedData", "False")[:1] in TRUE, data.stat().st_size - start
    if is_deflated and fields.get("CompressedDataSize") != str(there):
        raise EOFError(f"CompressedDataSize {fields.get('CompressedDataSize', 'missing')}, {there} bytes are there")
    _check_stream(data, start + max(0, int(fields.get("HeaderSize", 0))), promised, is_deflated)


def _check_meta_numbers(fields: dict[str, str]) -> None:
    """SimpleITK crashes, the whole process with it, where a header has more or fewer numbers than its dimensions."""
    axes = int(fields.get("NDims", 0))
    if axes not in (2, 3, 4) or fields.get("ObjectType", "Image") != "Image":
        raise ValueError(f"NDims {axes}, ObjectType {fields.get('ObjectType', 'missing')}")
    before = list(fields)[: list(fields).index("NDims")]
    if not {"ElementSpacing", "ElementSize"} & fields.keys():
        raise ValueError("no ElementSpacing")
    if "DimSize" not in fields or not {*META_VECTORS, *META_MATRICES}.isdisjoint(before):
        raise ValueError("no DimSize, or NDims is behind what it counts")
    for key, count in (dict.fromkeys(META_VECTORS, axes) | dict.fromkeys(META_MATRICES, axes**2)).items():
        if key in fields and len(_numbers(key, fields[key])) != count:
            raise ValueError(f"{key} {fields[key]}")


def check_nrrd(path: Path) -> None:
    """Check a NRRD file.

    Raises:
        ValueError: The header is damaged or of a kind that is not read here.
        EOFError: Fewer bytes are there than the header promises.
        zlib.error: A compressed stream is damaged.
    """
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
    for key in ("space directions", "space origin"):
        if not VECTORS.fullmatch(fields.get(key, "none")):
            raise ValueError(f"{key}: {fields[key]}")
    for key in ("space directions", "space origin", "spacings"):
        _numbers(key, re.sub(r"[(),]|none", " ", fields.get(key, "")))
    name = fields.get("data file", fields.get("datafile"))
    data, start = (path, start) if name is None else (path.parent / name, 0)
    _check_stream(data, start, _product(fields.get("sizes", "")) * NRRD_BYTES[kind], encoding != "raw")


def _fields(file: BinaryIO, sign: bytes, last: bytes | None = None) -> Iterator[tuple[str, str]]:
    """The entries of a header in lines: to an empty line, or through the one that is named `last`."""
    while line := file.readline(CHUNK).strip():
        key, found, value = line.partition(sign)
        is_sound = found and key.isascii() and min(line.replace(b"\t", b" ")) >= ord(" ")
        if not (is_sound or line.startswith(b"#")):
            raise ValueError(f"the line {line[:40]!r} in its header")
        yield key.strip().decode("latin-1"), value.strip().decode("latin-1")
        if key.strip() == last:
            return
    if last is not None:
        raise EOFError(f"the header ends before {last.decode()}")


def _numbers(key: str, text: str) -> list[str]:
    numbers = text.split()
    if not all(map(NUMBER.fullmatch, numbers)):
        raise ValueError(f"{key} {text}")
    return numbers


def _product(sizes: str) -> int:
    return math.prod(int(size) for size in sizes.split())


def _check_stream(data: Path, start: int, promised: int, is_deflated: bool) -> None:
    there = data.stat().st_size - start
    if promised > there * LARGEST_DEFLATION or not (is_deflated or there == promised):
        raise EOFError(f"the header promises {promised} bytes of voxels, there are {max(there, 0)}")
    if is_deflated:
        with data.open("rb") as file:
            file.seek(start)
            size = sum(map(len, unpacked(file)))
        if size != promised:
            raise EOFError(f"the header promises {promised} bytes of voxels, {size} unpack")


def unpacked(file: BinaryIO) -> Iterator[bytes]:
    """Unpack zlib or gzip streams that follow one another, from where the file stands, checksums and all.

    Raises:
        EOFError: The last stream is cut short.
        zlib.error: A stream is damaged, or what follows is none.
    """
    stream = zlib.decompressobj(zlib.MAX_WBITS | 32)
    while chunk := file.read(CHUNK):
        while chunk:
            if stream.eof:
                stream = zlib.decompressobj(zlib.MAX_WBITS | 32)
            yield stream.decompress(chunk, CHUNK)
            # Behind the end of a stream there may be another one, or zeros that fill the last block of a tape.
            chunk = stream.unconsumed_tail or stream.unused_data.lstrip(b"\0")
    if not stream.eof:
        raise EOFError("the compressed voxels are cut short")
