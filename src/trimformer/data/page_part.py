"""The part of a scan that a page can show: without the air around it, and no more voxels than a page bears."""

from dataclasses import dataclass

import numpy as np

from trimformer.data.preparation.intensities import usual_range

MOST_VOXELS = 3 * 2**21
"""As many as 256 x 256 x 96; where a scan has more, several of its voxels become one."""

AIR = 0.1
"""Of the usual range of intensities: what lies below is taken for air."""

FEW = 0.002
"""Of a plane's voxels: where no more than so many are brighter than air, that is noise."""

MARGIN = 2
"""Planes of air that are kept on each side."""

SAME_SPACING = 1.1
"""Axes whose voxels differ by less than this factor are made coarser together."""


@dataclass(frozen=True)
class PagePart:
    """A box of voxels, and how many of them along each axis become one."""

    box: tuple[slice, slice, slice]
    step: tuple[int, int, int]

    @classmethod
    def of(cls, scan: np.ndarray, spacing_mm: tuple[float, float, float]) -> "PagePart":
        """What of a scan (x, y, z) is shown. It depends on the scan alone, so that it is the same for every model."""
        begins_and_ends = [_inside(scan, axis) for axis in range(3)]
        step = _step(np.array([end - begin for begin, end in begins_and_ends]), np.array(spacing_mm))
        first, second, third = (
            slice(begin, begin + (end - begin) // count * count)
            for (begin, end), count in zip(begins_and_ends, step, strict=True)
        )
        return cls((first, second, third), step)

    def means(self, scan: np.ndarray) -> np.ndarray:
        """The scan's mean over the voxels that become one, float32."""
        part = scan[self.box]
        sizes = [size // count for size, count in zip(part.shape, self.step, strict=True)]
        blocks = part.reshape(sizes[0], self.step[0], sizes[1], self.step[1], sizes[2], self.step[2])
        means: np.ndarray = blocks.mean(axis=(1, 3, 5), dtype=np.float32)
        return means

    def middles(self, labels: np.ndarray) -> np.ndarray:
        """The label in the middle of the voxels that become one."""
        places = tuple(slice(count // 2, None, count) for count in self.step)
        return np.ascontiguousarray(labels[self.box][places])

    def affine(self, affine: np.ndarray) -> np.ndarray:
        """From indices of what is shown to millimetres, given the scan's own affine."""
        begin = [along.start + (count - 1) / 2 for along, count in zip(self.box, self.step, strict=True)]
        to_scan = np.diag([*self.step, 1.0])
        to_scan[:3, 3] = begin
        shown: np.ndarray = affine @ to_scan
        return shown


def _inside(scan: np.ndarray, axis: int) -> tuple[int, int]:
    """Where along an axis the scan begins and ends to be more than air; everywhere if it is nothing else."""
    low, high = usual_range(scan)
    others = tuple(other for other in range(3) if other != axis)
    inside = np.flatnonzero((scan > low + AIR * (high - low)).mean(axis=others) > FEW)
    if not len(inside):
        return 0, scan.shape[axis]
    return max(0, int(inside[0]) - MARGIN), min(scan.shape[axis], int(inside[-1]) + 1 + MARGIN)


def _step(sizes: np.ndarray, spacing_mm: np.ndarray) -> tuple[int, int, int]:
    """Whole numbers; the axes with the finest voxels are made coarser first."""
    step = np.ones(3, dtype=int)
    while np.prod(sizes // step) > MOST_VOXELS:
        coarse_mm = step * spacing_mm
        step[coarse_mm <= SAME_SPACING * coarse_mm.min()] += 1
    first, second, third = np.minimum(step, sizes).tolist()
    return first, second, third
