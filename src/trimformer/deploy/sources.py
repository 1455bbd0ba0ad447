"""What lies at INPUT: each scan with its files, and what it is called in messages and in the names of outputs."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trimformer.data.layouts.nnunet_cases import CHANNEL
from trimformer.data.reading.dicom.header import is_dicom
from trimformer.data.reading.volume import file_ending
from trimformer.records.errors import UserError

VOLUMES = (".nii", ".nii.gz", ".nrrd", ".mha", ".mhd")
FORMATS = f"{', '.join(VOLUMES)}, or a folder of these or of DICOM series"


@dataclass(frozen=True)
class Source:
    """One scan before it is opened: its `files`, and what messages call it.

    `name` is that of its outputs; None for a DICOM series, whose folder and files may be called after the patient.
    Messages count such files, in the order of their names, unless `keeps_names`.
    """

    told: str
    files: tuple[Path, ...]
    name: str | None
    keeps_names: bool = True

    @property
    def is_dicom(self) -> bool:
        """Whether the files are slices of a DICOM series."""
        return _ending(self.files[0]) is None

    def told_file(self, file: Path) -> str:
        """What messages call one of the files."""
        if self.keeps_names:
            return str(file)
        return f"{self.told}, file {self.files.index(file) + 1} of {len(self.files)} in the order of their names"


def find_sources(place: Path, num_channels: int, keep_metadata: bool = False) -> tuple[Source, ...]:
    """Every scan at a file or in a folder; one at least.

    A folder has its volumes directly in it, and DICOM series in itself or in folders below, a folder each. Where a
    model takes several channels, `NAME_0000`, `NAME_0001` and so on are the channels of one scan, as nnU-Net has them.

    Args:
        place: What the user gave.
        num_channels: Channels of the model.
        keep_metadata: Whether DICOM folders and files may be called by their names.

    Raises:
        UserError: There is nothing, or nothing that is read, or two scans would have one name.
    """
    if place.is_dir():
        return _in_folder(place, num_channels, keep_metadata)
    if not place.is_file():
        raise UserError("The input exists", f"no such file or folder: {place}", "Look for a typing error.")
    if _ending(place) is None:
        found = "a single DICOM file" if is_dicom(place) else str(place)
        next_step = "Give the folder of its series." if is_dicom(place) else "Convert it to NIfTI."
        raise UserError(f"The input is {FORMATS}", found, next_step)
    files = _volumes(place.parent) if num_channels > 1 and _is_shown(place.name) else [place]
    return tuple(source for source in _of_volumes(files, num_channels) if place in source.files)


def _in_folder(folder: Path, num_channels: int, keep_metadata: bool) -> tuple[Source, ...]:
    volumes = tuple(_of_volumes(_volumes(folder), num_channels))
    series = [(place, files) for place, files in _walk(folder) if files]
    sources = (
        *volumes,
        *(
            _of_series(place, files, f"DICOM folder {number} of {len(series)}", keep_metadata)
            for number, (place, files) in enumerate(series, start=1)
        ),
    )
    if not sources:
        raise UserError(f"The input is {FORMATS}", "a folder without any of them", "Give the folder that holds scans.")
    return sources


def _volumes(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if _ending(file) and file.is_file() and _is_shown(file.name))


def _of_volumes(files: list[Path], num_channels: int) -> Iterator[Source]:
    scans: dict[str, dict[int, Path]] = {}
    for file in files:
        match = CHANNEL.fullmatch(_stem(file)) if num_channels > 1 else None
        name, channel = (match["patient_id"], int(match["channel"])) if match else (_stem(file), 0)
        channels = scans.setdefault(name, {})
        if channel in channels:
            found = f"{channels[channel].name} and {file.name}"
            raise UserError("Each scan of a folder has a name of its own", found, "Move one of them elsewhere.")
        channels[channel] = file
    for name, channels in scans.items():
        _check_numbers(name, sorted(channels))
        yield Source(str(channels[0]), tuple(channels[number] for number in sorted(channels)), name)


def _check_numbers(name: str, numbers: list[int]) -> None:
    if numbers != list(range(len(numbers))):
        found = f"{name} with {', '.join(f'{number:04d}' for number in numbers)}"
        raise UserError("The channels of a scan are numbered from 0000 on", found, "Put the missing file back.")


def _of_series(place: Path, files: list[Path], told: str, keep_metadata: bool) -> Source:
    if keep_metadata:
        return Source(str(place), tuple(files), place.resolve().name)
    return Source(told, tuple(files), None, keeps_names=False)


def _walk(folder: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Every folder, this one first, with the DICOM files directly in it."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if _is_shown(name))
        files = [Path(place) / name for name in sorted(names) if _is_shown(name)]
        yield Path(place), [file for file in files if _ending(file) is None and is_dicom(file)]


def _ending(file: Path) -> str | None:
    ending = file_ending(file)
    return ending if ending in VOLUMES else None


def _stem(file: Path) -> str:
    return file.name[: -len(_ending(file) or "")]


def _is_shown(name: str) -> bool:
    return not name.startswith(".")
