"""The pixels of a DICOM series, by SimpleITK, one slice after the other into one array."""

from pathlib import Path

import numpy as np

from trimformer.data.reading.dicom.series import Series, Told
from trimformer.data.rules import READABLE
from trimformer.data.scan import Volume


def read_series(series: Series, told: Told) -> Volume:
    """Read a whole series as float32 (columns, rows, slices), in the unit that its files rescale to.

    Raises:
        FileError: A file is cut short, or its pixels are coded in a way that GDCM does not read.
    """
    voxels = np.empty(series.shape, np.float32, order="F")
    for index, file in enumerate(series.files):
        voxels[..., index] = _plane(file, told, series.shape[:2])
    return Volume(voxels, series.affine)


def _plane(file: Path, told: Told, size: tuple[int, int]) -> np.ndarray:
    import SimpleITK

    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        image = SimpleITK.ReadImage(str(file), imageIO="GDCMImageIO")
    except RuntimeError:  # its text holds the file's name
        raise READABLE.broken(told(file), "a DICOM file that is cut short, or coded in an unknown way") from None
    plane: np.ndarray = SimpleITK.GetArrayFromImage(image).reshape(-1, *reversed(size))
    if len(plane) != 1:
        raise READABLE.broken(told(file), f"{plane.size} pixels, where {size[0]} columns and {size[1]} rows are told")
    return plane[0].T
