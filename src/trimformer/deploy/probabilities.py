"""Class probabilities of a whole volume, which no memory need hold: they go to a file as they are computed."""

import gzip
import mmap
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch.nn.functional as F

from trimformer.data.preparation.native_grid import NativeGrid
from trimformer.data.preparation.slices import Scores
from trimformer.deploy.label_map import header_bytes

STEPS = 2**16 - 1
"""A probability is kept in so many steps, in 16 bits; the header's slope makes it one of 0 to 1 again."""

PACKING = 1
"""Gzip's fastest level: higher ones gain little on such voxels and take minutes."""


class ProbabilityFile:
    """A NIfTI file (x, y, z, classes), background first, that is filled slice by slice.

    Args:
        path: An uncompressed .nii file.
        header: Of the label map on the same grid.
        grid: Leads from slices to voxels.
        num_classes: Background counted.
    """

    def __init__(self, path: Path, header: Any, grid: NativeGrid, num_classes: int) -> None:
        header = header.copy()
        header.set_data_shape((*grid.shape, num_classes))
        header.set_data_dtype(np.uint16)
        header.set_slope_inter(1 / STEPS, 0)
        begin = header_bytes(header)
        self._grid = grid
        with path.open("wb+") as file:
            file.write(begin)
            file.truncate(len(begin) + 2 * int(np.prod(header.get_data_shape(), dtype=np.int64)))
            self._map = mmap.mmap(file.fileno(), 0)
        voxels = np.frombuffer(self._map, np.dtype(np.uint16), offset=len(begin))
        self._voxels: np.ndarray | None = voxels.reshape(header.get_data_shape(), order="F")

    def look(self, first: int, scores: Scores) -> None:
        """Take in the scores of some slices, on the slices' own pixels; what was cropped away is background."""
        assert self._voxels is not None, "the file is closed"
        probabilities = scores.softmax(dim=1)
        for label in range(probabilities.shape[1]):
            own = F.pad(probabilities[:, label], self._grid.unpadding, value=float(label == 0))
            slices = self._grid.slices_of(self._voxels[..., label])
            slices[first : first + len(own)] = own.mul(STEPS).round().numpy(force=True)
            self._let_go()

    def _let_go(self) -> None:
        """Leave what was written to the file alone; it would count as this process's memory."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)

    def __enter__(self) -> "ProbabilityFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._voxels = None
        self._map.close()


def pack(file: Path, packed: Path) -> None:
    """Compress a file with gzip, a piece at a time; the same content gives the same bytes."""
    with (
        file.open("rb") as content,
        packed.open("wb") as stream,
        gzip.GzipFile("", "wb", PACKING, stream, mtime=0) as gzipped,
    ):
        shutil.copyfileobj(content, gzipped)
