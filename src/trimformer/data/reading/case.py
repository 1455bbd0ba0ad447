"""The files of one case -> a patient, if they break no rule."""

import numpy as np

from trimformer.data.layouts.layout import Case, Layout, Scan
from trimformer.data.patient import Patient
from trimformer.data.preparation.preprocessing import Preprocessing
from trimformer.data.reading.rules import (
    FINITE,
    KNOWN_LABELS,
    NOT_CONSTANT,
    SAME_SHAPE,
    SAME_SPACING,
    THREE_AXES,
    WHOLE_LABELS,
)
from trimformer.data.reading.volume import Volume

SPACING_TOLERANCE = 1e-3
"""Relative: headers keep voxel sizes in 32 bits, and some were typed with four digits."""


def read_case(layout: Layout, case: Case) -> Patient:
    """Read and check one case.

    Raises:
        FileError: The first rule that the case breaks, with its file and what was found there.
    """
    scan = layout.read(case)
    files = case.images if len(case.images) == len(scan.channels) else case.images[:1] * len(scan.channels)
    names = [str(file) for file in files] or [case.patient_id] * len(scan.channels)
    for name, channel in zip(names, scan.channels, strict=True):
        _check_image(name, channel)
        _check_same_grid(name, channel, scan.channels[0])
    labels = None
    if scan.labels is not None:
        name = str(case.labels[0]) if case.labels else case.patient_id
        labels = _model_labels(name, scan, layout)
    return Patient(
        case.patient_id,
        _stacked(scan),
        labels,
        _affine(scan.channels[0].affine, layout.preprocessing),
    )


def _check_image(name: str, volume: Volume) -> None:
    if volume.voxels.ndim != 3:
        raise THREE_AXES.broken(name, f"shape {volume.voxels.shape}")
    # The sum of finite numbers may overflow; their smallest and largest may not.
    lowest, highest = volume.voxels.min(), volume.voxels.max()
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        count = int(np.count_nonzero(~np.isfinite(volume.voxels)))
        raise FINITE.broken(name, f"{count} of {volume.voxels.size} voxels are NaN, infinite or too large for 32 bits")
    if lowest == highest:
        raise NOT_CONSTANT.broken(name, f"every voxel is {lowest:g}")


def _check_same_grid(name: str, volume: Volume, reference: Volume) -> None:
    if volume.voxels.shape != reference.voxels.shape:
        raise SAME_SHAPE.broken(name, f"{volume.voxels.shape} beside an image of {reference.voxels.shape}")
    if not np.allclose(volume.spacing_mm, reference.spacing_mm, rtol=SPACING_TOLERANCE, atol=0):
        raise SAME_SPACING.broken(name, f"{_millimetres(volume)} beside an image of {_millimetres(reference)}")


def _model_labels(name: str, scan: Scan, layout: Layout) -> np.ndarray:
    """Labels (x, y, z) uint8 in the values that a model learns."""
    labels = scan.labels
    assert labels is not None
    if labels.voxels.ndim != 3:
        raise THREE_AXES.broken(name, f"shape {labels.voxels.shape}")
    _check_same_grid(name, labels, scan.channels[0])
    values = np.unique(labels.voxels)
    if not np.all(np.isfinite(values)) or np.any(values != np.round(values)):
        broken = values[~np.isfinite(values) | (values != np.round(values))]
        raise WHOLE_LABELS.broken(name, _listed(broken))
    unknown = [value for value in values.tolist() if int(value) not in layout.label_values]
    if unknown:
        valid = _listed(sorted(layout.label_values))
        raise KNOWN_LABELS.broken(name, f"{_listed(unknown)}, where {layout.dataset} has {valid}")
    mapped = np.zeros(labels.voxels.shape, np.uint8)
    for value in values.tolist():
        mapped[labels.voxels == value] = layout.label_values[int(value)]
    return mapped


def _stacked(scan: Scan) -> np.ndarray:
    if len(scan.channels) == 1:
        return scan.channels[0].voxels.astype(np.float32, copy=False)[None]
    return np.stack([channel.voxels.astype(np.float32, copy=False) for channel in scan.channels])


def _affine(affine: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """The image's affine, its columns as long as `data.spacing_mm` says where that is given."""
    if preprocessing.spacing_mm is None:
        return affine
    scaled = affine.copy()
    scaled[:3, :3] *= np.array(preprocessing.spacing_mm) / np.linalg.norm(affine[:3, :3], axis=0)
    return scaled


def _listed(values: object) -> str:
    shown = [f"{value:g}" for value in list(values)[:6]]  # type: ignore[call-overload]
    return ", ".join(shown) + (", ..." if len(list(values)) > 6 else "")  # type: ignore[call-overload]


def _millimetres(volume: Volume) -> str:
    return " x ".join(f"{size:.4g}" for size in volume.spacing_mm) + " mm"
