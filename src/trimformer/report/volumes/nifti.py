"""Arrays as NIfTI files inside a page, which a viewer reads as it reads any file."""

import base64
import gzip
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from trimformer.records.shown_volumes import ShownVolume

LEVEL = 6
"""Of gzip: the highest takes three times as long for a hundredth less."""

VOXELS_BEGIN = 352
"""Behind the header and the four bytes that say that nothing comes between."""

UNKNOWN, SCANNER = 0, 1
"""NIfTI's codes of an affine that means nothing, and of one to the scanner's own axes."""


def scan_file(volume: ShownVolume) -> str:
    """The scan as .nii.gz in base64; its voxels are read in the unit of the volume."""
    return _file(volume.scan, volume, slope=(volume.high - volume.low) / 255, intercept=volume.low, is_labels=False)


def label_file(labels: UInt8[np.ndarray, "x y z"], volume: ShownVolume) -> str:
    """A label map on the voxels of the volume, as .nii.gz in base64."""
    return _file(labels, volume, slope=1.0, intercept=0.0, is_labels=True)


def _file(voxels: np.ndarray, volume: ShownVolume, *, slope: float, intercept: float, is_labels: bool) -> str:
    header = _header(voxels.shape, volume.affine, is_labels)
    header["scl_slope"], header["scl_inter"] = slope or 1.0, intercept
    content = header.binaryblock.ljust(VOXELS_BEGIN, b"\0") + voxels.tobytes(order="F")
    return base64.b64encode(gzip.compress(content, LEVEL, mtime=0)).decode()


def _header(shape: tuple[int, ...], affine: Float[np.ndarray, "4 4"], is_labels: bool) -> Any:
    from nibabel.nifti1 import Nifti1Header

    header = Nifti1Header()
    header.set_data_dtype(np.uint8)
    header.set_data_shape(shape)
    header.set_sform(affine, SCANNER)
    header.set_qform(affine, UNKNOWN)  # an affine that stands askew has no qform, and nobody reads it beside an sform
    header.set_xyzt_units("mm")
    header["vox_offset"] = VOXELS_BEGIN
    if is_labels:
        header.set_intent("label")
    return header
