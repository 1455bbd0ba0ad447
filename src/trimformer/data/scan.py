"""What files hold, before anyone has asked whether it makes sense."""

from dataclasses import dataclass

import numpy as np


def spacing_of(affine: np.ndarray) -> tuple[float, float, float]:
    """Millimetres between neighbouring voxels along the three array axes: the norms of the affine's columns."""
    first, second, third = np.linalg.norm(affine[:3, :3], axis=0)
    return float(first), float(second), float(third)


def axis_codes(affine: np.ndarray) -> str:
    """Where the three array axes lead, as letters: RAS towards right, anterior and up; ? where an axis leads nowhere.

    Example:
        >>> axis_codes(np.diag([-1.0, 1.0, 2.0, 1.0]))
        'LAS'
    """
    from nibabel.orientations import aff2axcodes

    return "".join(code or "?" for code in aff2axcodes(affine))


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
        """Millimetres between neighbouring voxels along the three axes."""
        return np.array(spacing_of(self.affine))


@dataclass(frozen=True, eq=False)
class Scan:
    """What the files of a case hold: `channels` of the image, and the labels, before any rule but a file's own."""

    channels: tuple[Volume, ...]
    labels: Volume | None
