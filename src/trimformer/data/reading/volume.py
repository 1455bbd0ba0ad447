"""One file -> voxels and where they lie: nibabel for NIfTI and Analyze, SimpleITK for the rest."""

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from trimformer.data.reading.rules import FILE_EXISTS, HAS_SPACING, NOT_EMPTY, READABLE

SpacingFrom = Literal["affine", "header"]
"""Which of the two is believed about voxel sizes where they disagree."""

NIFTI = (".nii", ".nii.gz", ".hdr", ".img")
OTHER = (".nrrd", ".mha", ".mhd", ".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg")

LARGEST_DEFLATION = 1040
"""No gzip stream unpacks to more times its own size, so a header that promises more is damaged."""

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Volume:
    """What one file holds.

    `voxels` is (x, y, z), or (x, y, z, more) where the file has a fourth axis or several components a voxel, in the
    type it was stored in (scaled where the file says so). `affine` (4, 4) takes indices to millimetres, RAS+.
    """

    voxels: np.ndarray
    affine: np.ndarray

    @property
    def spacing_mm(self) -> np.ndarray:
        """Millimetres between neighbouring voxels along the three axes: the norms of the affine's columns."""
        return np.asarray(np.linalg.norm(self.affine[:3, :3], axis=0))


def file_ending(path: Path) -> str | None:
    """The ending of a name that `read_volume` can read, or None.

    Example:
        >>> file_ending(Path("IBSR_01.nii.gz"))
        '.nii.gz'
    """
    endings = [ending for ending in (*NIFTI, *OTHER) if path.name.lower().endswith(ending)]
    return max(endings, key=len, default=None)


def read_volume(
    path: Path, spacing_from: SpacingFrom = "affine", dtype: type[np.floating[Any]] | None = None
) -> Volume:
    """Read a whole file.

    Axes of length one behind the third are dropped; a two-dimensional image is one slice, 1 mm thick.

    Args:
        path: The file; an Analyze or MetaImage header stands for its pair.
        spacing_from: `header` puts the header's voxel sizes into an affine whose columns have other lengths.
        dtype: A floating type to read the voxels in; by default they stay as they are stored.

    Raises:
        FileError: The file is missing, damaged, cut short, has no voxels, or its voxel sizes are not positive.
    """
    if not path.is_file():
        raise FILE_EXISTS.broken(path, "no such file")
    ending = file_ending(path)
    if ending is None:
        raise READABLE.broken(path, f"none of the endings {', '.join((*NIFTI, *OTHER))}")
    read = _read_nifti if ending in NIFTI else _read_with_simpleitk
    volume = _guarded(path, lambda: read(path, spacing_from, dtype))
    if volume.voxels.size == 0:
        raise NOT_EMPTY.broken(path, f"shape {volume.voxels.shape}")
    if not (np.isfinite(volume.affine).all() and (volume.spacing_mm > 0).all()):
        raise HAS_SPACING.broken(path, " x ".join(f"{size:g}" for size in volume.spacing_mm))
    return volume


def _guarded(path: Path, read: Callable[[], Volume]) -> Volume:
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError
    from nibabel.wrapstruct import WrapStructError

    damaged = (
        *(ImageFileError, HeaderDataError, WrapStructError, OSError, EOFError, ValueError, RuntimeError),
        *(OverflowError, MemoryError, zlib.error, gzip.BadGzipFile),
    )
    try:
        with np.errstate(all="ignore"):
            return read()
    except damaged as error:
        reason = str(error).strip().splitlines()
        raise READABLE.broken(path, reason[-1] if reason else type(error).__name__) from None


def _read_nifti(path: Path, spacing_from: SpacingFrom, dtype: type[np.floating[Any]] | None) -> Volume:
    import nibabel

    image = nibabel.load(path)
    if image.get_data_dtype().kind not in "iuf":
        raise ValueError(f"voxels of type {image.get_data_dtype()}, where a number is meant")
    _check_promise(path, image)
    voxels = np.asanyarray(image.dataobj) if dtype is None else image.get_fdata(caching="unchanged", dtype=dtype)
    affine = np.array(image.affine, np.float64)
    if spacing_from == "header":
        sizes = np.ones(3)
        sizes[: min(3, image.ndim)] = image.header.get_zooms()[:3]
        lengths = np.linalg.norm(affine[:3, :3], axis=0)
        affine[:3, :3] *= sizes / np.where(lengths > 0, lengths, np.nan)
    return Volume(_three_axes_first(voxels), affine)


def _check_promise(path: Path, image: Any) -> None:
    """A damaged header may promise more voxels than memory holds: tell before they are asked for."""
    promised = int(np.prod(image.shape, dtype=object)) * image.get_data_dtype().itemsize
    file = Path(image.file_map["image"].filename or path)
    times = LARGEST_DEFLATION if file.suffix == ".gz" else 1
    if promised > file.stat().st_size * times:
        raise EOFError(f"shape {image.shape} needs {promised} bytes, the file has {file.stat().st_size}")


def _read_with_simpleitk(path: Path, _: SpacingFrom, dtype: type[np.floating[Any]] | None) -> Volume:
    import SimpleITK

    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    image = SimpleITK.ReadImage(str(path))
    voxels = SimpleITK.GetArrayFromImage(image)
    components = image.GetNumberOfComponentsPerPixel()
    # SimpleITK gives axes slowest first, components last.
    axes = tuple(reversed(range(image.GetDimension()))) + ((image.GetDimension(),) if components > 1 else ())
    voxels = voxels.transpose(axes)
    if image.GetDimension() == 2:
        voxels = voxels[:, :, None]
    affine = np.eye(4)
    size = min(3, image.GetDimension())
    direction = np.array(image.GetDirection()).reshape(image.GetDimension(), -1)[:size, :size]
    affine[:size, :size] = direction * np.array(image.GetSpacing())[:size]
    affine[:size, 3] = image.GetOrigin()[:size]
    return Volume(_three_axes_first(voxels if dtype is None else voxels.astype(dtype)), LPS_TO_RAS @ affine)


def _three_axes_first(voxels: np.ndarray) -> np.ndarray:
    """Give a plane its third axis and drop axes of length one behind it."""
    while voxels.ndim > 3 and voxels.shape[-1] == 1:
        voxels = voxels[..., 0]
    return voxels.reshape(voxels.shape + (1,) * (3 - voxels.ndim))
