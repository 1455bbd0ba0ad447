"""NRRD and MetaImage read by hand: a header in lines, then voxels."""

import math
import zlib

import numpy as np
from fuzz_expected import GEOMETRY, RefusedError, Seen, UnclearError, three_axes
from fuzz_nifti import unzipped

from trimformer.data.rules import FILE_EXISTS, READABLE

NRRD_TYPES = {"int16": "i2", "short": "i2", "uint8": "u1", "unsigned char": "u1", "float": "f4"}
META_TYPES = {"MET_SHORT": "i2", "MET_UCHAR": "u1", "MET_FLOAT": "f4"}
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_nrrd(content: bytes) -> Seen:
    """A .nrrd file with its voxels behind the header."""
    head, found, body = content.partition(b"\n\n")
    lines = head.decode("latin-1").split("\n")
    if not found or lines[0][:7] != "NRRD000":
        raise UnclearError
    fields = dict(line.split(": ", 1) for line in lines[1:] if _is_field(line, ": "))
    try:
        body = unzipped(body) if fields["encoding"] == "gzip" else body
        sizes = [int(size) for size in fields["sizes"].split()]
        kind = np.dtype({"little": "<", "big": ">"}[fields.get("endian", "little")] + NRRD_TYPES[fields["type"]])
        columns = np.array([_vector(text) for text in fields["space directions"].split()])
        origin = _vector(fields["space origin"])
        is_clear = fields["space"] == "left-posterior-superior" and int(fields["dimension"]) == len(sizes)
    except (KeyError, ValueError):
        raise UnclearError from None
    return _seen(body, kind, sizes, columns.T, np.array(origin), is_clear)


def read_meta(header: bytes, voxels: bytes | None = None) -> Seen:
    """A .mha file, or a .mhd file and that of its voxels."""
    head, found, rest = header.partition(b"ElementDataFile")
    name, _, body = rest.partition(b"\n")
    if not found:
        raise UnclearError
    if name not in ((b" = LOCAL",) if voxels is None else (b" = image.raw", b" = labels.raw")):
        raise RefusedError(READABLE, FILE_EXISTS)
    lines = head.decode("latin-1").split("\n")[:-1]
    pairs = [line.split("=", 1) for line in lines if _is_field(line, "=")]
    fields = {key.strip(): value.strip() for key, value in pairs}  # keys that nobody knows are the user's own
    body = body if voxels is None else voxels
    try:
        body = zlib.decompress(body) if {"True": True, "False": False}[fields["CompressedData"]] else body
        axes, sizes = int(fields["NDims"]), [int(size) for size in fields["DimSize"].split()]
        order = {"True": ">", "False": "<"}[fields.get("BinaryDataByteOrderMSB", "False")]
        kind = np.dtype(order + META_TYPES[fields["ElementType"]])
        spacing = _numbers(fields.get("ElementSpacing", "1 " * axes))
        origin = _numbers(fields.get("Offset", "0 " * axes))
        turn = _numbers(fields.get("TransformMatrix", " ".join(map(str, np.eye(axes).ravel()))))
    except (KeyError, ValueError, zlib.error):
        raise UnclearError from None
    if len(turn) != axes**2:
        raise UnclearError
    # Each row of the file is the direction of one array axis.
    columns = np.array(turn).reshape(axes, axes).T * spacing
    return _seen(body, kind, sizes, columns, np.array(origin), axes == len(sizes))


def _is_field(line: str, sign: str) -> bool:
    if line.startswith("#"):
        return False
    if sign not in line:
        raise UnclearError
    return True


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split()]


def _vector(text: str) -> list[float]:
    if text[0] + text[-1] != "()":
        raise ValueError(text)
    return [float(number) for number in text[1:-1].split(",")]


def _seen(
    body: bytes, kind: np.dtype, sizes: list[int], columns: np.ndarray, origin: np.ndarray, is_clear: bool
) -> Seen:
    if not is_clear or len(sizes) not in (3, 4) or columns.shape != (len(origin), len(sizes)) or min(sizes) < 1:
        raise UnclearError
    count = math.prod(sizes)
    if count * kind.itemsize > len(body):
        raise RefusedError(READABLE)
    voxels = np.frombuffer(body, kind, count).reshape(sizes, order="F")
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = columns[:3, :3], origin[:3]
    with np.errstate(all="ignore"):
        affine = LPS_TO_RAS @ affine
    spacing = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    # Axes that are not at right angles are more than ITK takes from some formats.
    odd = not (np.isfinite(affine).all() and np.isclose(abs(np.linalg.det(affine[:3, :3])), spacing.prod(), rtol=1e-3))
    is_longer = count * kind.itemsize < len(body)
    return Seen(three_axes(voxels), spacing, affine, GEOMETRY if odd or is_longer else ())
