"""A DICOM series of made voxels, written slice by slice, with whatever is to be wrong with it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

PATIENT = "Mustermann^Erika"
"""Whom no output may name."""

SERIES = "1.2.826.0.1.3680043.8.498.1"
ALONG_X, ALONG_Y = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)


def write_series(
    folder: Path,
    voxels: np.ndarray,
    *,
    directions: tuple[tuple[float, ...], tuple[float, ...]] = (ALONG_X, ALONG_Y),
    spacing_mm: tuple[float, float] = (0.7, 0.8),
    step: tuple[float, float, float] = (0.0, 0.0, 2.5),
    origin: tuple[float, float, float] = (-12.0, 7.5, 30.25),
    uid: str = SERIES,
    change: Callable[[int, FileDataset], None] = lambda *_: None,
    name: Callable[[int], str] = lambda index: f"IM{(7 * index) % 97:04d}.dcm",
) -> list[Path]:
    """Write (columns, rows, slices) int16, a file a slice, under names that are in no order of the slices.

    `spacing_mm` is between rows and between columns, `step` leads from a slice to the next, in LPS+ like all the rest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for index in range(voxels.shape[2]):
        dataset = _slice(voxels[..., index], uid, index)
        dataset.PixelSpacing = list(spacing_mm)
        dataset.ImageOrientationPatient = [*directions[0], *directions[1]]
        dataset.ImagePositionPatient = [start + index * way for start, way in zip(origin, step, strict=True)]
        change(index, dataset)
        files.append(folder / name(index))
        dataset.save_as(files[-1], enforce_file_format=True)
    return files


def _slice(plane: np.ndarray, uid: str, index: int) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = UID(f"{uid}.{index + 1}")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dataset.SeriesInstanceUID, dataset.StudyInstanceUID = uid, "1.2.826.0.1.3680043.8.498.2"
    dataset.Modality, dataset.PatientName, dataset.PatientID = "CT", PATIENT, "4711-0815"
    dataset.Columns, dataset.Rows = plane.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 1
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0
    dataset.PixelData = plane.T.astype("<i2").tobytes()
    return dataset
