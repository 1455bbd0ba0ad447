"""A few patients with their scans, labels and one model's prediction, coarse enough for a page."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np

from trimformer.records.errors import UserError
from trimformer.records.files import read_arrays, write_arrays

Unit = Literal["HU", "stored", "normalised"]
"""Hounsfield units, whatever the scan's file holds, or deviations from the mean of the scan."""

NEXT_STEP = "Run trimformer evaluate on that run."


@dataclass(frozen=True, eq=False)
class ShownVolume:
    """The part of one patient's scan that a page shows.

    `scan` (x, y, z) uint8 runs in 255 even steps from `low` to `high`, both in the `unit`. `truth` and `prediction` are
    label maps of that shape; `affine` (4, 4) takes its indices to millimetres, RAS+, and `has_geometry` says whether
    these are known to be the patient's. One voxel stands for `step` voxels of the patient's own along each axis.
    `outside` counts the predicted voxels that lie outside the part shown, `num_channels` those of the scan, of which
    the first is shown.
    """

    patient_id: str
    scan: np.ndarray
    low: float
    high: float
    unit: Unit
    truth: np.ndarray
    prediction: np.ndarray
    affine: np.ndarray
    has_geometry: bool
    step: tuple[int, int, int]
    outside: int
    num_channels: int

    def is_of_the_same_voxels(self, other: "ShownVolume") -> bool:
        """Whether both show the same part of the same patient."""
        return (
            self.scan.shape == other.scan.shape
            and np.array_equal(self.affine, other.affine)
            and np.array_equal(self.truth, other.truth)
        )


def write_volumes(path: Path, volumes: Sequence[ShownVolume]) -> None:
    """Write the patients in their order.

    Raises:
        NotWritableError: The disk is full or the folder cannot be written; nothing is left behind.
    """
    arrays = {
        f"{place}-{field.name}": np.asarray(getattr(volume, field.name))
        for place, volume in enumerate(volumes)
        for field in fields(ShownVolume)
    }
    write_arrays(path, arrays | {"count": np.array(len(volumes))})


def read_volumes(path: Path) -> tuple[ShownVolume, ...]:
    """Read what `write_volumes` wrote.

    Raises:
        UserError: The file is missing, damaged, or holds something else.
    """
    arrays = read_arrays(path, NEXT_STEP)
    try:
        return tuple(_volume(arrays, place) for place in range(int(arrays["count"])))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError("Volumes hold scan, truth and prediction", f"{path}: {error}", NEXT_STEP) from None


def _volume(arrays: dict[str, np.ndarray], place: int) -> ShownVolume:
    found: dict[str, Any] = {field.name: arrays[f"{place}-{field.name}"] for field in fields(ShownVolume)}
    shape = found["scan"].shape
    for name in ("scan", "truth", "prediction"):
        if found[name].dtype != np.uint8 or found[name].shape != shape or len(shape) != 3 or 0 in shape:
            raise ValueError(f"{name} of shape {found[name].shape} and type {found[name].dtype}")
    if found["affine"].shape != (4, 4) or not np.isfinite(found["affine"]).all():
        raise ValueError("an affine that is none")
    scalars = {name: value.item() for name, value in found.items() if value.ndim == 0}
    return ShownVolume(**(found | scalars | {"step": tuple(found["step"].tolist())}))
