"""TransUNet's folders of Synapse: train_npz holds a file a slice, test_vol_h5 a file a case."""

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from trimformer.data.layout import Case
from trimformer.data.layouts.folders import PUBLISHED_PLACE, entries, one_an_id, side_of
from trimformer.data.reading.arrays import read_slice_volume, read_slices
from trimformer.data.scan import Scan
from trimformer.data.splitting.roster import Side
from trimformer.records.errors import FileError

FOLDERS: Mapping[Side, str] = {"training": "train_npz", "validation": "test_vol_h5"}

SLICE_FILE = re.compile(r"(case\d{4})_slice(\d{3})\.npz")
VOLUME_FILE = re.compile(r"(case\d{4})(?:\.npy)?\.h5")


def has_arrays(folder: Path) -> bool:
    """Whether one of TransUNet's folders is there."""
    return any((folder / name).is_dir() for name in FOLDERS.values())


def find_array_cases(
    folder: Path, listed: Mapping[Side, tuple[str, ...]]
) -> tuple[tuple[Case, ...], tuple[FileError, ...]]:
    """The cases of both folders, by id, and an error for each that is there twice or on the other side."""
    files = {side: _files(side, folder / name) for side, name in FOLDERS.items()}
    places = [(patient_id, paths[0]) for side in files for patient_id, paths in files[side]]
    _, problems = one_an_id(places)
    cases: dict[str, Case] = {}
    for side, found in files.items():
        for patient_id, paths in found:
            published = side_of(patient_id, listed)
            if published != side and patient_id not in cases:
                problems.append(PUBLISHED_PLACE.broken(paths[0], f"published for {published or 'neither side'}"))
            cases.setdefault(patient_id, Case(patient_id, paths, paths, published))
    return tuple(cases[patient_id] for patient_id in sorted(cases)), tuple(problems)


def read_arrays(case: Case, label_values: Mapping[int, int]) -> Scan:
    """The slices or the volume of a case.

    Raises:
        FileError: A file is missing or damaged, or a slice does not fit the others.
    """
    return read_slices(case, label_values) if case.images[0].suffix == ".npz" else read_slice_volume(case)


def _files(side: Side, folder: Path) -> list[tuple[str, tuple[Path, ...]]]:
    return _slices(folder) if side == "training" else _volumes(folder)


def _slices(folder: Path) -> list[tuple[str, tuple[Path, ...]]]:
    """Every slice up to a case's last one: a gap among them is a file that is missing, and told as such."""
    last: defaultdict[str, int] = defaultdict(int)
    for path in entries(folder):
        if match := SLICE_FILE.fullmatch(path.name):
            last[match[1]] = max(last[match[1]], int(match[2]))
    return [
        (patient_id, tuple(folder / f"{patient_id}_slice{number:03d}.npz" for number in range(count + 1)))
        for patient_id, count in last.items()
    ]


def _volumes(folder: Path) -> list[tuple[str, tuple[Path, ...]]]:
    return [(match[1], (path,)) for path in entries(folder) if (match := VOLUME_FILE.fullmatch(path.name))]
