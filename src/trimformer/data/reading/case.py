"""The files of one case -> a patient, if they break no rule."""

import numpy as np

from trimformer.data.layout import Case, Layout
from trimformer.data.patient import Patient
from trimformer.data.reading.labels import model_labels
from trimformer.data.rules import FINITE, HAS_SPACING, NOT_CONSTANT, SAME_SHAPE, SAME_SPACING, THREE_AXES
from trimformer.data.scan import Scan, Volume

SPACING_TOLERANCE = 1e-3
"""Relative: headers keep voxel sizes in 32 bits, and some were typed with four digits."""

FLAT = 1e-3
"""Of the volume that a voxel with right angles would have; a tilted scanner leaves more than half."""


def read_case(layout: Layout, case: Case) -> Patient:
    """Read and check one case: every channel, then the labels.

    Raises:
        FileError: The first rule that the case breaks, with its file and what was found there.
    """
    scan = layout.read(case)
    spacing_mm = layout.preprocessing.spacing_mm
    first = scan.channels[0]
    for name, channel in zip(_image_names(case, scan), scan.channels, strict=True):
        _check_grid(name, channel, first, spacing_mm is not None)
        _check_intensities(name, channel.voxels)
    labels = None
    if scan.labels is not None:
        name = str(case.labels[0]) if case.labels else case.patient_id
        _check_grid(name, scan.labels, first, spacing_mm is not None)
        labels = model_labels(name, scan.labels.voxels, layout.label_values)
    affine = first.affine if spacing_mm is None else _with_spacing(first.affine, np.array(spacing_mm))
    return Patient(case.patient_id, _stacked(scan), labels, affine)


def _image_names(case: Case, scan: Scan) -> list[str]:
    """What an error names for each channel: its own file, or the first of those that hold them all."""
    if len(case.images) == len(scan.channels):
        return [str(file) for file in case.images]
    return [str(case.images[0]) if case.images else case.patient_id] * len(scan.channels)


def _check_grid(name: str, volume: Volume, reference: Volume, sizes_are_given: bool) -> None:
    if volume.voxels.ndim != 3:
        raise THREE_AXES.broken(name, f"shape {volume.voxels.shape}")
    if not sizes_are_given and not _has_spacing(volume.affine):
        raise HAS_SPACING.broken(name, f"{_millimetres(volume)}, {_volume_of_voxel(volume.affine):.3g} mm³ a voxel")
    if volume.voxels.shape != reference.voxels.shape:
        raise SAME_SHAPE.broken(name, f"{volume.voxels.shape} beside an image of {reference.voxels.shape}")
    same = np.allclose(volume.spacing_mm, reference.spacing_mm, rtol=SPACING_TOLERANCE, atol=0)
    if not sizes_are_given and not same:
        raise SAME_SPACING.broken(name, f"{_millimetres(volume)} beside an image of {_millimetres(reference)}")


def _check_intensities(name: str, voxels: np.ndarray) -> None:
    # The sum of finite numbers may overflow; their smallest and largest may not.
    lowest, highest = voxels.min(), voxels.max()
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        count = int(np.count_nonzero(~np.isfinite(voxels)))
        raise FINITE.broken(name, f"{count} of {voxels.size} voxels are NaN, infinite or too large for 32 bits")
    if lowest == highest:
        raise NOT_CONSTANT.broken(name, f"every voxel is {lowest:g}")


def _has_spacing(affine: np.ndarray) -> bool:
    """Whether voxels have a size: along each axis, and in space, where two axes must not be one."""
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not (np.isfinite(affine).all() and (lengths > 0).all()):
        return False
    return _volume_of_voxel(affine / [*lengths, 1]) > FLAT


def _volume_of_voxel(affine: np.ndarray) -> float:
    with np.errstate(all="ignore"):
        return float(abs(np.linalg.det(affine[:3, :3])))


def _with_spacing(affine: np.ndarray, spacing_mm: np.ndarray) -> np.ndarray:
    """The affine with columns of these lengths; where it has no directions to keep, along the axes."""
    if not _has_spacing(affine):
        return np.diag([*spacing_mm, 1.0])
    scaled = affine.copy()
    scaled[:3, :3] *= spacing_mm / np.linalg.norm(affine[:3, :3], axis=0)
    return scaled


def _stacked(scan: Scan) -> np.ndarray:
    """(channels, x, y, z) float32; a single channel is not copied."""
    channels = [channel.voxels.astype(np.float32, copy=False) for channel in scan.channels]
    return channels[0][None] if len(channels) == 1 else np.stack(channels)


def _millimetres(volume: Volume) -> str:
    return " x ".join(f"{size:.4g}" for size in volume.spacing_mm) + " mm"
