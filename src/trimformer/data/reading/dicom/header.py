"""The header of one DICOM file: what its slice needs to find its place, and nothing about the patient unless asked."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trimformer.data.reading.dicom.rules import PLACED, SLICE_FILES
from trimformer.data.rules import GREY, READABLE

if TYPE_CHECKING:
    from pydicom import Dataset

PREAMBLE, MAGIC = 128, b"DICM"
SUFFIXES = (".dcm", ".ima")

NO_SCANS = ("SEG", "RTDOSE", "RTPLAN", "RTSTRUCT", "PR", "SR", "KO", "REG", "DOC")
"""Modalities of files that lie beside a scan and say something about it."""

PLACE = ("PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient")
PIXELS = ("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames")
THICKNESS = ("SpacingBetweenSlices", "SliceThickness")
PERSONAL = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber", "InstitutionName"),
    *("StudyInstanceUID", "StudyDate", "StudyDescription", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription"),
)
"""What `--keep-metadata` keeps."""


@dataclass(frozen=True, eq=False)
class SliceHeader:
    """One slice: its file, and its place in LPS+ millimetres.

    `size` and `spacing_mm` are (rows, columns) and the distances between them; `directions` (2, 3) are where column
    numbers and row numbers lead; `thickness_mm` is NaN where the file says nothing.
    """

    file: Path
    series_uid: str
    size: tuple[int, int]
    spacing_mm: tuple[float, float]
    directions: np.ndarray
    position: np.ndarray
    thickness_mm: float
    personal: dict[str, str]

    @property
    def normal(self) -> np.ndarray:
        """The direction that stands on the slice."""
        return np.cross(*self.directions)


def is_dicom(file: Path) -> bool:
    """Whether a file says that it is DICOM, in its first bytes or, damaged as it may be, in its name."""
    if file.suffix.lower() in SUFFIXES:
        return True
    try:
        with file.open("rb") as stream:
            return stream.read(PREAMBLE + len(MAGIC))[PREAMBLE:] == MAGIC
    except OSError:
        return False


def read_header(file: Path, told: str) -> SliceHeader | None:
    """Read one header; None if the file is no scan but a report, a plan or the like.

    Args:
        file: A DICOM file.
        told: What errors call it, since its name may be the patient's.

    Raises:
        FileError: It is damaged, in colour, holds several slices, or does not tell where it lies.
    """
    tags = ["SOPClassUID", "Modality", *PIXELS, *PLACE, *THICKNESS, *PERSONAL]
    with _quiet_pydicom():
        try:
            return _slice_header(file, _dataset(file, tags), told)
        except (ValueError, TypeError, AttributeError, OverflowError):  # values are read when they are asked for
            raise READABLE.broken(told, "a damaged DICOM header") from None


def _dataset(file: Path, tags: list[str]) -> "Dataset":
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        return dcmread(file, stop_before_pixels=True, specific_tags=tags)
    except (InvalidDicomError, OSError, EOFError, KeyError, NotImplementedError) as error:
        raise ValueError(type(error).__name__) from None


def _slice_header(file: Path, dataset: Any, told: str) -> SliceHeader | None:
    if not _is_scan(dataset, told):
        return None
    _check_pixels(dataset, told)
    missing = [name for name in (*PLACE, "SeriesInstanceUID") if not dataset.get(name)]
    if missing:
        raise PLACED.broken(told, f"no {missing[0]}")
    spacing = [float(value) for value in dataset.PixelSpacing]
    directions = np.array(dataset.ImageOrientationPatient, np.float64).reshape(2, 3)
    position = np.array(dataset.ImagePositionPatient, np.float64).reshape(3)
    if not (np.isfinite([*spacing, *position, *directions.ravel()]).all() and min(spacing) > 0):
        raise PLACED.broken(told, f"spacing {spacing}, position {position.tolist()}")
    return SliceHeader(
        file,
        str(dataset.SeriesInstanceUID),
        (int(dataset.Rows), int(dataset.Columns)),
        (spacing[0], spacing[1]),
        directions,
        position,
        next((float(dataset.get(name)) for name in THICKNESS if dataset.get(name)), float("nan")),
        {name: str(dataset.get(name)) for name in PERSONAL if dataset.get(name)},
    )


def _is_scan(dataset: Any, told: str) -> bool:
    """Whether there are pixels; an image whose header ends before them is damaged, and not another kind of file."""
    if dataset.get("Modality") in NO_SCANS:
        return False
    kind = dataset.file_meta.get("MediaStorageSOPClassUID") or dataset.get("SOPClassUID")
    if dataset.get("Rows") and dataset.get("Columns"):
        return True
    if kind is None or "Image Storage" in kind.name:
        raise READABLE.broken(told, "a DICOM header that is cut short")
    return False


def _check_pixels(dataset: Any, told: str) -> None:
    if int(dataset.get("NumberOfFrames") or 1) > 1:
        raise SLICE_FILES.broken(told, f"{dataset.NumberOfFrames} frames in one file")
    samples, colours = dataset.get("SamplesPerPixel", 1), dataset.get("PhotometricInterpretation", "MONOCHROME2")
    if samples != 1 or colours != "MONOCHROME2":
        raise GREY.broken(told, f"{samples} samples a pixel, {colours}")


@contextmanager
def _quiet_pydicom() -> Iterator[None]:
    """Without pydicom's warnings, which repeat what stands in the file."""
    import logging

    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
