"""Where a patient's slices came from, kept with them, so that a label map finds its way back."""

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from trimformer.data.preprocessing import Preprocessing
from trimformer.data.scan import spacing_of

Turn = tuple[tuple[int, int], ...]
"""For each array axis, which axis it becomes and whether it keeps (1) or changes (-1) its direction."""

Padding = tuple[int, int, int, int]
"""Pixels added left, right, above and below; a negative number is cut off. torch.nn.functional.pad reads it."""

Size = TypeVar("Size", int, float)

AS_STORED: Turn = ((0, 1), (1, 1), (2, 1))


@dataclass(frozen=True, eq=False)
class NativeGrid:
    """A patient's own grid, and every step from it to slices.

    `shape` (x, y, z) and `affine` (4, 4) are the patient's. A volume is turned by `turn`, its slices are taken along
    `slice_axis`, and `padding` brings each slice to the pixels that are resized.
    """

    shape: tuple[int, int, int]
    affine: np.ndarray
    turn: Turn
    slice_axis: int
    padding: Padding

    @classmethod
    def of(cls, shape: tuple[int, int, int], affine: np.ndarray, preprocessing: Preprocessing) -> "NativeGrid":
        """The grid of a volume that is to be preprocessed."""
        turn = _turn_to(preprocessing.orientation, affine)
        rows, columns = _in_plane(_turned_sizes(shape, turn), preprocessing.slice_axis)
        padding = (0, 0, 0, 0) if preprocessing.crop is None else _to_middle(rows, columns, preprocessing.crop)
        return cls(shape, affine, turn, preprocessing.slice_axis, padding)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxels along each array axis of the patient's own grid."""
        return spacing_of(self.affine)

    @property
    def slice_spacing_mm(self) -> tuple[float, float]:
        """(row, column) of the slices before they are resized."""
        return _in_plane(_turned_sizes(self.spacing_mm, self.turn), self.slice_axis)

    @property
    def slice_size(self) -> tuple[int, int]:
        """(rows, columns) of the slices that are resized, padding counted."""
        rows, columns = _in_plane(_turned_sizes(self.shape, self.turn), self.slice_axis)
        left, right, above, below = self.padding
        return rows + above + below, columns + left + right

    @property
    def unpadding(self) -> Padding:
        """What brings such a slice back to the pixels that the patient has."""
        left, right, above, below = self.padding
        return -left, -right, -above, -below

    @property
    def num_slices(self) -> int:
        """How many slices there are."""
        return _turned_sizes(self.shape, self.turn)[self.slice_axis]

    def slices_of(self, volume: np.ndarray) -> np.ndarray:
        """A view (slices, rows, columns) of a volume (x, y, z) on this grid."""
        return np.moveaxis(_turned(volume, self.turn), self.slice_axis, 0)

    def volume_of(self, slices: np.ndarray) -> np.ndarray:
        """The volume (x, y, z) on the patient's own grid that these (slices, rows, columns) are: `slices_of` undone."""
        back = tuple(sorted((target, axis, direction) for axis, (target, direction) in enumerate(self.turn)))
        undone: Turn = tuple((axis, direction) for _, axis, direction in back)
        return np.ascontiguousarray(_turned(np.moveaxis(slices, 0, self.slice_axis), undone))

    def document(self) -> dict[str, Any]:
        """As it stands in JSON; a float comes back from there to the last bit."""
        return {
            "shape": list(self.shape),
            "affine": self.affine.tolist(),
            "turn": [list(pair) for pair in self.turn],
            "slice_axis": self.slice_axis,
            "padding": list(self.padding),
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "NativeGrid":
        """`document` undone."""
        turn = tuple((axis, direction) for axis, direction in document["turn"])
        affine = np.array(document["affine"])
        return cls(tuple(document["shape"]), affine, turn, document["slice_axis"], tuple(document["padding"]))


def _turn_to(orientation: str | None, affine: np.ndarray) -> Turn:
    if orientation is None:
        return AS_STORED
    from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

    turn = ornt_transform(io_orientation(affine), axcodes2ornt(orientation))
    return tuple((int(axis), int(direction)) for axis, direction in turn)


def _turned(volume: np.ndarray, turn: Turn) -> np.ndarray:
    flipped = volume[tuple(slice(None, None, direction) for _, direction in turn)]
    return flipped.transpose(np.argsort([axis for axis, _ in turn]))


def _turned_sizes(sizes: tuple[Size, Size, Size], turn: Turn) -> list[Size]:
    return [sizes[axis] for axis in np.argsort([target for target, _ in turn])]


def _in_plane(sizes: list[Size], slice_axis: int) -> tuple[Size, Size]:
    row, column = (size for axis, size in enumerate(sizes) if axis != slice_axis)
    return row, column


def _to_middle(rows: int, columns: int, size: int) -> Padding:
    above, left = ((size - count) // 2 for count in (rows, columns))
    return left, size - columns - left, above, size - rows - above
