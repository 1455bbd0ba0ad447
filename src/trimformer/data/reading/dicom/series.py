"""The files of a folder -> one series, its slices in order and their common place in the patient."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trimformer.data.reading.dicom.header import SliceHeader, read_header
from trimformer.data.reading.dicom.rules import ALIKE, EVEN, ONE_SERIES
from trimformer.data.reading.volume import LPS_TO_RAS
from trimformer.data.rules import HAS_SPACING, NOT_EMPTY

TOLERANCE = 0.02
"""Of the distance between slices: positions are written with few digits, and tables do not move quite evenly."""

SAME = 1e-4
"""By how much directions and, relatively, pixel spacings may differ."""

Told = Callable[[Path], str]
"""What errors call a file."""


@dataclass(frozen=True, eq=False)
class Series:
    """One series: its files in the order of their slices, `shape` (columns, rows, slices), and the affine to RAS+.

    `personal` is what the first file says about patient and study; nobody but `--keep-metadata` asks for it.
    """

    uid: str
    files: tuple[Path, ...]
    shape: tuple[int, int, int]
    affine: np.ndarray
    personal: dict[str, str]


def find_series(folder: str, files: Sequence[Path], told: Told) -> Series:
    """Read the headers of a folder's DICOM files, which are to be one series with no slice missing.

    A tilted gantry, whose slices lie askew above each other, is kept as it is: the affine is then oblique.

    Args:
        folder: What errors call the folder.
        files: The DICOM files in it; reports and plans among them are passed over.
        told: What errors call a file.

    Raises:
        FileError: A file is damaged, or the files are of several series, differ, or leave gaps.
    """
    headers = [header for file in files if (header := read_header(file, told(file))) is not None]
    if not headers:
        raise NOT_EMPTY.broken(folder, f"{len(files)} DICOM files, and a scan in none of them")
    series = Counter(header.series_uid for header in headers)
    if len(series) > 1:
        raise ONE_SERIES.broken(folder, f"{len(series)} series, of {_listed(sorted(series.values()))} slices")
    _check_alike(headers, told)
    normal = headers[0].normal
    headers.sort(key=lambda header: float(header.position @ normal))
    first = headers[0]
    return Series(
        first.series_uid,
        tuple(header.file for header in headers),
        (first.size[1], first.size[0], len(headers)),
        _affine(first, _step(headers, folder)),
        first.personal,
    )


def _check_alike(headers: Sequence[SliceHeader], told: Told) -> None:
    first = headers[0]
    for header in headers[1:]:
        for name, one, other in (
            ("size", first.size, header.size),
            ("pixel spacing", first.spacing_mm, header.spacing_mm),
            ("direction", first.directions.round(4).tolist(), header.directions.round(4).tolist()),
        ):
            if not np.allclose(one, other, rtol=SAME, atol=SAME if name == "direction" else 0):
                raise ALIKE.broken(told(header.file), f"{name} {other}, and {one} in {told(first.file)}")


def _step(headers: Sequence[SliceHeader], folder: str) -> np.ndarray:
    """The way from each slice to the next (LPS+ mm)."""
    if len(headers) == 1:
        thickness = headers[0].thickness_mm
        if not thickness > 0:
            raise HAS_SPACING.broken(folder, "one slice, whose thickness is not told")
        return headers[0].normal * thickness
    ways = np.diff([header.position for header in headers], axis=0)
    usual = np.median(ways, axis=0)
    off = np.linalg.norm(ways - usual, axis=1) > TOLERANCE * np.linalg.norm(usual)
    if off.any() or not np.linalg.norm(usual) > 0:
        raise EVEN.broken(folder, _unevenness(ways, usual, off))
    return (headers[-1].position - headers[0].position) / len(ways)


def _unevenness(ways: np.ndarray, usual: np.ndarray, off: np.ndarray) -> str:
    lengths = np.linalg.norm(ways, axis=1)
    same_place = int(np.count_nonzero(lengths < TOLERANCE * lengths.max())) if lengths.max() > 0 else len(lengths)
    if same_place:
        return f"{same_place} slices where another one lies"
    at = int(off.argmax())
    others = f"{np.linalg.norm(usual):.4g} mm between most"
    return f"{lengths[at]:.4g} mm between slices {at + 1} and {at + 2}, {others}, {np.count_nonzero(off)} places in all"


def _affine(first: SliceHeader, step: np.ndarray) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, 0] = first.directions[0] * first.spacing_mm[1]
    affine[:3, 1] = first.directions[1] * first.spacing_mm[0]
    affine[:3, 2] = step
    affine[:3, 3] = first.position
    return LPS_TO_RAS @ affine


def _listed(counts: Sequence[int]) -> str:
    return " and ".join(map(str, counts))
