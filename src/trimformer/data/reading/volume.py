"""One file -> voxels and where they lie: nibabel for NIfTI and Analyze, Pillow for TIFF, SimpleITK for the rest."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from trimformer.data.reading.nifti import read_nifti, three_axes_first
from trimformer.data.reading.pictures import check_bmp, check_png
from trimformer.data.reading.tiff import read_tiff
from trimformer.data.reading.whole import check_metaimage, check_nrrd
from trimformer.data.rules import FILE_EXISTS, NOT_EMPTY, READABLE
from trimformer.data.scan import Volume
from trimformer.records.choices import SpacingFrom

NIFTI = (".nii", ".nii.gz", ".hdr", ".img")
TIFF = (".tif", ".tiff")
PLANES = (".png", ".bmp", *TIFF)
"""Pictures. JPEG is none of them: it changes values, and a damaged one goes unnoticed."""
READERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    ".nrrd": ("NrrdImageIO", check_nrrd),
    ".mha": ("MetaImageIO", check_metaimage),
    ".mhd": ("MetaImageIO", check_metaimage),
    ".png": ("PNGImageIO", check_png),
    ".bmp": ("BMPImageIO", check_bmp),
}
"""SimpleITK's readers, and what is looked at before. Left alone it would choose by content, whatever the name says."""
ENDINGS = (*NIFTI, *READERS, *TIFF)

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def file_ending(path: Path) -> str | None:
    """The ending of a name that `read_volume` can read, or None.

    Example:
        >>> file_ending(Path("IBSR_01.nii.gz"))
        '.nii.gz'
    """
    endings = [ending for ending in ENDINGS if path.name.lower().endswith(ending)]
    return max(endings, key=len, default=None)


def read_volume(
    path: Path, spacing_from: SpacingFrom = "affine", dtype: type[np.floating[Any]] | None = None
) -> Volume:
    """Read a whole file.

    Axes of length one behind the third are dropped; a two-dimensional image is one slice, 1 mm thick. The pixels of a
    picture are 1 mm wide, since a resolution of print is no voxel size. Voxel sizes are not judged here.

    Args:
        path: The file; an Analyze or MetaImage header stands for its pair.
        spacing_from: `header` puts the header's voxel sizes into an affine whose columns have other lengths.
        dtype: A floating type to read the voxels in; by default they stay as they are stored.

    Raises:
        FileError: The file is missing, damaged, cut short, or has no voxels.
    """
    if not path.is_file():
        raise FILE_EXISTS.broken(path, "no such file")
    ending = file_ending(path)
    if ending is None:
        raise READABLE.broken(path, f"none of the endings {', '.join(ENDINGS)}")
    if ending in NIFTI:
        volume = _guarded(path, lambda: read_nifti(path, spacing_from == "header", dtype))
    elif ending in TIFF:
        volume = _guarded(path, lambda: (read_tiff(path).astype(dtype), LPS_TO_RAS))
    else:
        volume = _guarded(path, lambda: _read_with_simpleitk(path, ending, dtype))
    if volume[0].size == 0:
        raise NOT_EMPTY.broken(path, f"shape {volume[0].shape}")
    return Volume(*volume)


def _guarded(path: Path, read: Callable[[], tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError
    from nibabel.wrapstruct import WrapStructError

    damaged = (
        *(ImageFileError, HeaderDataError, WrapStructError, OSError, EOFError, ValueError, RuntimeError),
        *(OverflowError, MemoryError, struct.error, zlib.error),
    )
    try:
        with np.errstate(all="ignore"):
            return read()
    except FileNotFoundError as error:
        raise FILE_EXISTS.broken(path, f"{error.filename} beside it is missing") from None
    except damaged as error:
        reason = str(error).strip().splitlines()
        raise READABLE.broken(path, reason[-1] if reason else type(error).__name__) from None


def _read_with_simpleitk(
    path: Path, ending: str, dtype: type[np.floating[Any]] | None
) -> tuple[np.ndarray, np.ndarray]:
    import SimpleITK

    reader, check = READERS[ending]
    check(path)
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    image = SimpleITK.ReadImage(str(path), imageIO=reader)
    stored = SimpleITK.GetArrayViewFromImage(image)
    if stored.dtype.kind not in "iuf":
        raise ValueError(f"voxels of type {stored.dtype}, where a number is meant")
    # SimpleITK gives axes slowest first, components last; its view must not outlive its image.
    axes = tuple(reversed(range(image.GetDimension())))
    voxels = np.array(stored.transpose(*axes, *range(len(axes), stored.ndim)), dtype or stored.dtype)
    voxels = voxels[:, :, None] if len(axes) == 2 else voxels
    return three_axes_first(voxels), LPS_TO_RAS @ (np.eye(4) if ending in PLANES else _itk_affine(image))


def _itk_affine(image: Any) -> np.ndarray:
    """Indices to millimetres, LPS+, along the first three axes."""
    size = min(3, image.GetDimension())
    affine = np.eye(4)
    direction = np.array(image.GetDirection()).reshape(image.GetDimension(), -1)[:size, :size]
    affine[:size, :size] = direction * np.array(image.GetSpacing())[:size]
    affine[:size, 3] = image.GetOrigin()[:size]
    return affine
