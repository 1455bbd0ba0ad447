"""A scan that is opened: everything about it but its voxels, which are read when they are wanted."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from trimformer.data.layout import Case, Layout
from trimformer.data.patient import Patient
from trimformer.data.preparation.content import file_digests
from trimformer.data.reading.case import read_case
from trimformer.data.reading.dicom.pixels import read_series
from trimformer.data.reading.dicom.series import Series, find_series
from trimformer.data.reading.pairs import read_pair
from trimformer.data.rules import READABLE
from trimformer.data.scan import Scan
from trimformer.deploy.sources import Source
from trimformer.deploy.trained_on import TrainedOn
from trimformer.records.errors import UserError

NAME_LENGTH = 12
"""Hexadecimal digits of a series' neutral name: enough to tell apart all series of a hospital."""


@dataclass(frozen=True, eq=False)
class OpenedScan:
    """A scan whose headers were read.

    `name` is that of its outputs; `header_file` is the volume whose header says where its voxels lie, None for DICOM;
    `personal` is what a DICOM header says about the patient.
    """

    source: Source
    name: str
    header_file: Path | None
    personal: dict[str, str]
    read: Callable[[Case], Scan]

    def read_patient(self, known: TrainedOn) -> Patient:
        """Read and check the voxels.

        Raises:
            FileError: A file is damaged, or breaks a rule for scans.
        """
        preprocessing, images = known.preprocessing, self.source.files
        if self.source.is_dicom:  # which always tells its voxel sizes, and whose files may bear a name
            preprocessing, images = replace(preprocessing, spacing_mm=None), ()
        layout = Layout("", "", "", (), known.labels, {}, preprocessing, self.read)
        return replace(read_case(layout, Case(self.source.told, images, None)), patient_id=self.name)

    def digest(self) -> str:
        """SHA-256 of the content of all files.

        Raises:
            FileError: A file may not be read.
        """
        try:
            return hashlib.sha256(b"".join(file_digests(self.source.files))).hexdigest()
        except OSError as error:
            raise READABLE.broken(self.source.told, error.strerror) from None


def open_scan(source: Source, known: TrainedOn) -> OpenedScan:
    """Read the headers of a scan.

    Raises:
        FileError: A DICOM file is damaged, or the files are no single series without gaps.
        UserError: The scan has other channels than the model takes.
    """
    if not source.is_dicom:
        read = partial(_read_volumes, known=known)
        return OpenedScan(source, str(source.name), source.files[0], {}, read)
    _check_channels(source.told, 1, known)
    series = find_series(source.told, source.files, source.told_file)
    name = source.name or neutral_name(series.uid)
    return OpenedScan(source, name, None, series.personal, lambda _: _read_dicom(series, source))


def neutral_name(series_uid: str) -> str:
    """A name for the outputs of a series that tells nothing about the patient, the same each time.

    Example:
        >>> neutral_name("1.2.840.113619.2")
        'series-b195e8836949'
    """
    return f"series-{hashlib.sha256(series_uid.encode()).hexdigest()[:NAME_LENGTH]}"


def _read_volumes(case: Case, known: TrainedOn) -> Scan:
    """One file a channel, or all channels along the last axis of one file."""
    spacing_from = known.preprocessing.spacing_from
    scan = read_pair(case, spacing_from, channels_last=known.num_channels > 1)
    _check_channels(str(case.images[0]), len(scan.channels), known)
    return scan


def _read_dicom(series: Series, source: Source) -> Scan:
    return Scan((read_series(series, source.told_file),), None)


def _check_channels(told: str, found: int, known: TrainedOn) -> None:
    if found != known.num_channels:
        raise UserError(
            f"A scan has the {known.num_channels} channels that the model was trained on",
            f"{told}: {found}",
            "Give NIfTI files NAME_0000.nii.gz, NAME_0001.nii.gz and so on, or one file with them along its last axis.",
        )
