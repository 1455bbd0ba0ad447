"""NIfTI files on a scan's own grid: its shape, its affine to the last bit, its sform and qform codes."""

from pathlib import Path
from typing import Any

import numpy as np

GEOMETRY = (
    *("xyzt_units", "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d"),
    *("qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z"),
)
"""Fields of a NIfTI header that say where its voxels lie, beside `pixdim`."""

TEXTS = ("descrip", "aux_file", "db_name")
"""Fields in which programs leave what they please, names of patients too."""

SCANNER = 1
"""NIfTI's code of an affine to the scanner's own axes."""

STRAIGHT = 1e-5
"""Largest cosine of an angle between axes that a quaternion can describe."""

ONE_FILE = {348: 352, 540: 544}
"""Where voxels begin behind a header of this length."""


def grid_header(file: Path | None, affine: np.ndarray, shape: tuple[int, ...], keep_texts: bool = False) -> Any:
    """A NIfTI header for uint8 labels on a scan's grid, which says nothing else about the scan.

    Args:
        file: The scan. NIfTI hands on its geometry field by field, in its own version; for others `affine` is written.
        affine: (4, 4), RAS+.
        shape: Of the scan, in voxels.
        keep_texts: Whether the free texts of a NIfTI header are kept.
    """
    import nibabel

    stored = _stored(file) if file is not None and file.name.lower().endswith((".nii", ".nii.gz")) else None
    header = nibabel.Nifti2Header() if isinstance(stored, nibabel.Nifti2Image) else nibabel.Nifti1Header()
    header.set_data_dtype(np.uint8)
    if stored is None:
        header.set_data_shape(shape)
        _set_affine(header, affine)
        return header
    header.set_data_shape(stored.shape if np.prod(stored.shape) == np.prod(shape) else stored.shape[:3])
    header["pixdim"][:4] = stored.header["pixdim"][:4]
    for field in (*GEOMETRY, *(TEXTS if keep_texts else ())):
        if field in header:
            header[field] = stored.header[field]
    return header


def _stored(file: Path) -> Any:
    import nibabel
    from nibabel.imageglobals import LoggingOutputSuppressor

    with LoggingOutputSuppressor():
        return nibabel.load(file)


def write_labels(path: Path, labels: np.ndarray, header: Any) -> None:
    """Write a label map (x, y, z) uint8 as .nii or, packed, .nii.gz; the same labels give the same bytes."""
    import nibabel

    header = header.copy()
    header.set_intent("label")
    kind = nibabel.Nifti2Image if isinstance(header, nibabel.Nifti2Header) else nibabel.Nifti1Image
    kind(labels.reshape(header.get_data_shape(), order="A"), header.get_best_affine(), header).to_filename(path)


def header_bytes(header: Any) -> bytes:
    """A header as it stands at the beginning of a file, with the gap between it and the voxels."""
    header = header.copy()
    begin = ONE_FILE[int(header["sizeof_hdr"])]
    header["vox_offset"] = begin
    content: bytes = header.binaryblock
    return content.ljust(begin, b"\0")


def _set_affine(header: Any, affine: np.ndarray) -> None:
    """Both forms; where axes stand askew, as behind a tilted gantry, the sform alone, which alone can say it."""
    header.set_xyzt_units("mm")
    header.set_sform(affine, SCANNER)
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    is_straight = np.abs(directions.T @ directions - np.eye(3)).max() < STRAIGHT
    header.set_qform(affine, SCANNER if is_straight else 0)
