"""Which cases an nnU-Net or Decathlon folder has: as dataset.json lists them, or as the names of its files show."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trimformer.data.layouts.description import Description, ListedCase
from trimformer.data.layouts.folders import entries
from trimformer.data.reading.volume import PLANES, file_ending
from trimformer.data.rules import DESCRIPTION, FILE_EXISTS, LISTED
from trimformer.records.errors import FileError

CHANNEL = re.compile(r"(?P<patient_id>.+)_(?P<channel>\d{4})")
"""nnU-Net's names of image files, without their ending."""

WHOLE = -1
"""Stands for the channel of a file that has no channel in its name: the Decathlon keeps all channels in one."""


@dataclass(frozen=True)
class FoundCase:
    """One patient: the files that a whole case would have, and what is wrong with those that are there."""

    patient_id: str
    images: tuple[Path, ...]
    label: Path | None
    problems: tuple[FileError, ...] = ()


def find_cases(root: Path, description: Description) -> tuple[FoundCase, ...]:
    """Every case of the folder, whole or not, in the order of names."""
    if description.listed is None:
        return tuple(_discovered(root, description))
    return tuple(_listed(root, case, description) for case in description.listed)


def volume_files(folder: Path, ending: str = "") -> list[Path]:
    """Files that can be read, in order; hidden ones, which macOS leaves beside every file, are none."""
    return [file for file in entries(folder) if file.name.endswith(ending) and file_ending(file) and is_file(file)]


def is_file(file: Path) -> bool:
    """Whether it is there; names that no disk can have are not."""
    try:
        return file.is_file()
    except OSError:
        return False


def _discovered(root: Path, description: Description) -> Iterator[FoundCase]:
    ending = description.ending
    labels = {_stem(file, ending): file for file in volume_files(root / "labelsTr", ending)}
    images: dict[str, dict[int, Path]] = {}
    for file in volume_files(root / "imagesTr", ending):
        patient_id, channel = _patient_and_channel(_stem(file, ending), labels)
        images.setdefault(patient_id, {})[channel] = file
    for patient_id in sorted(images.keys() | labels.keys()):
        there = images.get(patient_id, {})
        wanted = _wanted_images(root, patient_id, there, description)
        label = labels.get(patient_id, root / "labelsTr" / f"{patient_id}{ending}")
        problems = [FILE_EXISTS.broken(file, "no such file") for file in (*wanted, label) if not is_file(file)]
        extra = [file for file in there.values() if file not in wanted]
        problems += [DESCRIPTION.broken(file, "a channel that dataset.json does not name") for file in extra]
        yield FoundCase(patient_id, wanted, label, tuple(problems))


def _patient_and_channel(stem: str, labels: dict[str, Path]) -> tuple[str, int]:
    match = CHANNEL.fullmatch(stem)
    if match is None or stem in labels:  # a patient whose own name ends in four digits
        return stem, WHOLE
    return match["patient_id"], int(match["channel"])


def _wanted_images(root: Path, patient_id: str, there: dict[int, Path], description: Description) -> tuple[Path, ...]:
    if set(there) == {WHOLE}:
        return (there[WHOLE],)
    if set(there) == {0} and description.ending in PLANES:  # a picture in colour has all channels as well
        return (there[0],)
    return tuple(
        there.get(number, root / "imagesTr" / f"{patient_id}_{number:04d}{description.ending}")
        for number in range(len(description.channels))
    )


def _listed(root: Path, case: ListedCase, description: Description) -> FoundCase:
    images = _listed_images(root, case, len(description.channels))
    label = None if case.label is None else root / case.label
    files = images if label is None else (*images, label)
    missing = [file for file in files if not is_file(file)]
    problems = [FILE_EXISTS.broken(file, "no such file") for file in missing]
    if len(missing) == len(files):
        fix = "Download it again, or take that case out of dataset.json."
        found = f"no such file, nor any other of {case.patient_id}"
        problems = [FileError(files[0], LISTED.sentence, found, fix)]
    return FoundCase(case.patient_id, images, label, tuple(problems))


def _listed_images(root: Path, case: ListedCase, num_channels: int) -> tuple[Path, ...]:
    """The files as they are listed; the first version of nnU-Net lists ID.nii.gz and has ID_0000.nii.gz."""
    files = tuple(root / image for image in case.images)
    if len(files) > 1 or is_file(files[0]):
        return files
    ending = file_ending(files[0]) or ""
    stem, suffix = _stem(files[0], ending), files[0].name[-len(ending) :]
    channels = tuple(files[0].with_name(f"{stem}_{number:04d}{suffix}") for number in range(num_channels))
    return channels if any(map(is_file, channels)) else files


def _stem(file: Path, ending: str) -> str:
    return file.name[: -len(ending)]
