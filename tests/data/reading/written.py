"""Small files of every format, most of them put together byte by byte."""

import struct
import zlib
from pathlib import Path
from typing import Literal

import nibabel
import numpy as np
import SimpleITK

VOXELS = np.random.default_rng(4).integers(0, 1000, (5, 6, 7)).astype(np.int16)
AFFINE = np.array([[0, -0.9, 0, 10], [1.2, 0, 0, -20], [0, 0, 2.5, 30], [0, 0, 0, 1]], np.float64)


def write_nifti(path: Path, voxels: np.ndarray = VOXELS, affine: np.ndarray | None = AFFINE) -> Path:
    nibabel.save(nibabel.Nifti1Image(voxels, affine), path)
    return path


def write_itk(path: Path, voxels: np.ndarray = VOXELS, affine: np.ndarray = AFFINE, packed: bool = False) -> Path:
    """The voxels with a RAS+ affine, in whichever format the name says."""
    image = SimpleITK.GetImageFromArray(voxels.transpose())
    lps = np.diag([-1, -1, 1, 1]) @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    SimpleITK.WriteImage(image, str(path), packed)
    return path


def nifti_bytes(
    voxels: np.ndarray = VOXELS, order: Literal["<", ">"] = "<", **fields: tuple[int, str, tuple[float, ...]]
) -> bytes:
    """A NIfTI-1 file by hand: `fields` are (offset, struct format, values) that replace bytes of the header."""
    codes = {"u1": 2, "i2": 4, "i4": 8, "f4": 16, "f8": 64, "u2": 512, "u8": 1280}
    stored = voxels.astype(voxels.dtype.newbyteorder(order))
    header = bytearray(352)
    struct.pack_into(order + "i", header, 0, 348)
    struct.pack_into(order + "8h", header, 40, voxels.ndim, *voxels.shape, *(1,) * (7 - voxels.ndim))
    struct.pack_into(order + "2h", header, 70, codes[stored.dtype.str[1:]], 8 * stored.itemsize)
    struct.pack_into(order + "8f", header, 76, 1, 2, 3, 4, 1, 1, 1, 1)  # pixdim: 2 x 3 x 4 mm
    struct.pack_into(order + "3f", header, 108, 352, 1, 0)  # vox_offset, scl_slope, scl_inter
    header[344:348] = b"n+1\0"
    for offset, layout, values in fields.values():
        struct.pack_into(order + layout, header, offset, *values)
    return bytes(header) + stored.tobytes(order="F")


def png_bytes(rows: np.ndarray) -> bytes:
    """A PNG by hand from (rows, columns) or (rows, columns, 3), 8 or 16 bits."""
    big = rows.astype(rows.dtype.newbyteorder(">"))
    colour = 0 if rows.ndim == 2 else 2
    head = struct.pack(">IIBBBBB", rows.shape[1], rows.shape[0], 8 * rows.itemsize, colour, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in big))
    chunks = ((b"IHDR", head), (b"IDAT", body), (b"IEND", b""))
    parts = [struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
