"""NIfTI and Analyze: nibabel reads the header, the voxels come straight into one array."""

import math
from errno import ENOENT
from pathlib import Path
from typing import Any

import numpy as np

from trimformer.data.reading.whole import CHUNK, LARGEST_DEFLATION, unpacked
from trimformer.data.rules import GREY

MOST_AXES = 7
MOST_FORMS = 5
"""NIfTI's codes of what an affine is aligned to end there."""
PAIRS = {".hdr": ".img", ".img": ".hdr", ".HDR": ".IMG", ".IMG": ".HDR"}


def read_nifti(path: Path, header_spacing: bool, dtype: type[np.floating[Any]] | None) -> tuple[np.ndarray, np.ndarray]:
    """Read voxels (x, y, z) or (x, y, z, more), and the affine (4, 4) RAS+ as the file has it, sound or not.

    Never more memory than the array as it is stored, the one that is asked for, and one slice in 64 bits.

    Args:
        path: The file, or either of an Analyze pair.
        header_spacing: Give the affine's columns the lengths of the header's voxel sizes.
        dtype: A floating type for the voxels; by default as they are stored, in 64 bits where the file scales them.

    Raises:
        OSError: The file, or the other one of a pair, cannot be read.
        EOFError: Fewer bytes are there than the header promises.
        ValueError: The header makes no sense, or the voxels are no numbers.
        FileError: The voxels are colours.
    """
    import nibabel
    from nibabel.imageglobals import LoggingOutputSuppressor

    other = PAIRS.get(path.suffix)
    if other is not None and not path.with_suffix(other).is_file():
        raise FileNotFoundError(ENOENT, "no such file", str(path.with_suffix(other)))
    with LoggingOutputSuppressor():
        image = nibabel.load(path)
    if not isinstance(image, nibabel.AnalyzeImage):
        raise ValueError(f"a file of type {type(image).__name__}")
    header = _header_as_stored(image)
    _check_header(header, is_single="header" not in image.file_map)
    proxy = image.dataobj
    if proxy.dtype.names:
        raise GREY.broken(path, f"colours, {', '.join(proxy.dtype.names)}")
    if np.dtype(proxy.dtype).kind not in "iuf":
        raise ValueError(f"voxels of type {proxy.dtype}, where a number is meant")
    voxels = _stored_voxels(Path(image.file_map["image"].filename), proxy)
    affine = _affine(image, header, header_spacing)
    return _scaled(three_axes_first(voxels), *_slope_and_inter(image, header), dtype), affine


def three_axes_first(voxels: np.ndarray) -> np.ndarray:
    """Give a plane its third axis and drop axes of length one behind it."""
    while voxels.ndim > 3 and voxels.shape[-1] == 1:
        voxels = voxels[..., 0]
    return voxels.reshape(voxels.shape + (1,) * (3 - voxels.ndim), order="F")


def _stored_voxels(file: Path, proxy: Any) -> np.ndarray:
    """Read to the very end: only there does a gzip stream show that it is whole."""
    promised = math.prod(map(int, proxy.shape)) * np.dtype(proxy.dtype).itemsize
    is_packed, size = file.suffix.lower() == ".gz", file.stat().st_size
    if promised > size * (LARGEST_DEFLATION if is_packed else 1):
        raise EOFError(f"shape {proxy.shape} needs {promised} bytes, the file has {size}")
    content = np.empty(promised, np.uint8)
    start, end = -int(proxy.offset), 0  # of a piece, counted from the first voxel
    with file.open("rb") as stream:
        for piece in unpacked(stream) if is_packed else iter(lambda: stream.read(CHUNK), b""):
            end = start + len(piece)
            inside = np.frombuffer(piece, np.uint8)[max(0, -start) : max(0, promised - start)]
            content[max(0, start) : max(0, start) + len(inside)] = inside
            start = end
    if end < promised:
        raise EOFError(f"shape {proxy.shape} needs {promised} bytes, {max(0, end)} are there")
    return content.view(proxy.dtype).reshape(proxy.shape, order="F")


def _slope_and_inter(image: Any, header: Any) -> tuple[float, float]:
    """How stored values become those that are meant.

    Analyze has no scaling. SPM's factor, put where Analyze has nothing, is believed; nibabel's second guess, from the
    ranges of display, is not: old label files have such ranges too, and their values are meant as they stand.
    """
    import nibabel

    if isinstance(image, nibabel.Nifti1Pair):
        return float(image.dataobj.slope), float(image.dataobj.inter)
    factor = float(header["scl_slope"]) if "scl_slope" in header else 1.0
    return (factor if math.isfinite(factor) and factor != 0 else 1.0), 0.0


def _scaled(voxels: np.ndarray, slope: float, inter: float, dtype: type[np.floating[Any]] | None) -> np.ndarray:
    if (slope, inter) == (1, 0):
        return voxels if dtype is None else voxels.astype(dtype, copy=False)
    scaled = np.empty(voxels.shape, dtype or np.float64, order="F")
    for index in range(voxels.shape[-1]):
        scaled[..., index] = np.multiply(voxels[..., index], slope, dtype=np.float64) + inter
    return scaled


def _header_as_stored(image: Any) -> Any:
    """The header before nibabel mends it."""
    holder = image.file_map.get("header") or image.file_map["image"]
    with holder.get_prepare_fileobj("rb") as file:
        return type(image.header).from_fileobj(file, check=False)


def _check_header(header: Any, is_single: bool) -> None:
    """What nibabel would mend silently is damage: the voxels that follow may be read as others than were stored."""
    offset = float(header["vox_offset"])
    lowest = header.single_vox_offset if is_single else 0
    magic = getattr(header, "single_magic" if is_single else "pair_magic", None)  # Analyze has none
    codes = [int(header[key]) for key in ("qform_code", "sform_code") if key in header]
    found = {
        "sizeof_hdr": (int(header["sizeof_hdr"]), int(header["sizeof_hdr"]) == header.sizeof_hdr),
        "magic": (magic and header["magic"].item(), magic is None or header["magic"].item() == magic),
        "dim[0]": (int(header["dim"][0]), 1 <= header["dim"][0] <= MOST_AXES),
        "bitpix": (int(header["bitpix"]), int(header["bitpix"]) == 8 * header.get_data_dtype().itemsize),
        "vox_offset": (offset, offset.is_integer() and offset >= lowest),
        "qform_code, sform_code": (codes, all(0 <= code <= MOST_FORMS for code in codes)),
        # Without sform the sign of pixdim[0] says which way the third axis goes.
        "pixdim[0]": (
            float(header["pixdim"][0]),
            codes[:1] in ([], [0]) or codes[1] > 0 or abs(header["pixdim"][0]) in (0, 1),
        ),
    }
    wrong = [f"{key} {value}" for key, (value, holds) in found.items() if not holds]
    if wrong:
        raise ValueError(f"a damaged header: {', '.join(wrong)}")


def _affine(image: Any, header: Any, header_spacing: bool) -> np.ndarray:
    """The file's affine; nibabel takes voxel sizes of zero for 1 mm, here they stay zero and are judged later."""
    affine = np.array(image.affine, np.float64)
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    sizes = _stored_sizes(header, image.shape)
    if header_spacing:
        affine[:3, :3] *= sizes / np.where(lengths > 0, lengths, np.nan)
    elif not ("sform_code" in header and header["sform_code"] > 0):
        affine[:3, :3][:, ~(sizes > 0)] = 0
    return affine


def _stored_sizes(header: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Voxel sizes as they stand in the file; an axis of one voxel may go without."""
    sizes = np.abs(np.array(header["pixdim"][1:4], np.float64))
    lengths = np.array((*shape[:3], 1, 1, 1)[:3])
    return np.where((lengths == 1) & ~(sizes > 0), 1.0, sizes)
