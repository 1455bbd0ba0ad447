"""Still pictures of the three planes, for a browser that cannot draw volumes, and for paper."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from trimformer.records.shown_volumes import ShownVolume
from trimformer.records.slice_pixels import overlay_pixels
from trimformer.report.pictures import png_uri

PLANES = {"axial": (0, 1), "coronal": (0, 2), "sagittal": (1, 2)}
"""The axes of RAS+ across and up each plane; the third is cut."""

SIDES = {"axial": "RLAP", "coronal": "RLSI", "sagittal": "APSI"}
"""The directions at the left, right, top and bottom edge, in radiological convention."""


@dataclass(frozen=True)
class Still:
    """One plane as a picture; sizes in millimetres."""

    source: str
    plane: str
    sides: str
    width_mm: float
    height_mm: float


def most_labelled(labels: UInt8[np.ndarray, "x y z"]) -> tuple[int, int, int]:
    """Along each axis the index of the plane with the most labelled voxels; the middle where nothing is labelled."""
    if not labels.any():
        first, second, third = (size // 2 for size in labels.shape)
        return first, second, third
    counts = [np.count_nonzero(labels, axis=tuple(sorted({0, 1, 2} - {axis}))) for axis in range(3)]
    first, second, third = (int(np.argmax(count)) for count in counts)
    return first, second, third


def stills(volume: ShownVolume, labels: UInt8[np.ndarray, "x y z"], values: Sequence[int]) -> list[Still]:
    """The planes with the most truth in them, with a label map in the colours of all figures; axes lead to RAS+."""
    place, spacing = most_labelled(volume.truth), np.linalg.norm(volume.affine[:3, :3], axis=0)
    return [
        _still(plane, _cut(volume.scan, place, plane), _cut(labels, place, plane), values, spacing) for plane in PLANES
    ]


def _still(plane: str, image: np.ndarray, labels: np.ndarray, values: Sequence[int], spacing: np.ndarray) -> Still:
    across, up = PLANES[plane]
    pixels = overlay_pixels(image.astype(np.float32), labels, values)
    width, height = image.shape[0] * spacing[across], image.shape[1] * spacing[up]
    return Still(png_uri(pixels), plane, SIDES[plane], float(width), float(height))


def _cut(array: np.ndarray, place: tuple[int, int, int], plane: str) -> np.ndarray:
    cut = ({0, 1, 2} - set(PLANES[plane])).pop()
    return array.take(place[cut], axis=cut)
