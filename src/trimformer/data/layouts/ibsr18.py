"""IBSR 18, T1 scans of 18 brains: MISA's folders, NITRC's stripped NIfTI files, or the original Analyze pairs."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from trimformer.data.layout import Case, Layout
from trimformer.data.layouts.folders import (
    PUBLISHED_PLACE,
    dataset_root,
    inside,
    missing_files,
    nifti,
    one_an_id,
    side_of,
    subfolders,
    the_one_folder,
)
from trimformer.data.preprocessing import Preprocessing
from trimformer.data.reading.pairs import read_pair
from trimformer.data.splitting.roster import Side
from trimformer.records.errors import FileError
from trimformer.records.settings import DataSettings

CLASS_NAMES = {1: "CSF", 2: "gray matter", 3: "white matter"}

SLICE_AXIS = 1
"""The slices are 1.5 mm apart along the second axis of the array."""

PATIENT = re.compile(r"ibsr_(\d\d)", re.IGNORECASE)


def _ids(*numbers: int) -> tuple[str, ...]:
    return tuple(f"IBSR_{number:02d}" for number in numbers)


LISTED: Mapping[Side, tuple[str, ...]] = {
    "training": _ids(1, 3, 4, 5, 6, 7, 8, 9, 16, 18),
    "validation": _ids(11, 12, 13, 14, 17),
}
"""The sides of the MISA layout; 02, 10 and 15, its test set, are on neither."""

MISA_SETS: Mapping[str, Side | None] = {"Training_Set": "training", "Validation_Set": "validation", "Test_Set": None}


@dataclass(frozen=True)
class _Found:
    """One layout as it lies under a folder."""

    name: str
    note: str
    cases: tuple[Case, ...]
    problems: tuple[FileError, ...]


def find_ibsr18(settings: DataSettings) -> Layout:
    """List IBSR 18 in whichever of its three layouts the root, or the one folder in it, has.

    Raises:
        FileError: The root is no folder, or holds none of the layouts, or several.
    """
    expected = f"{', '.join(MISA_SETS)} and no IBSR_01, IBSR_02, ..."
    folder = the_one_folder(dataset_root(settings), lambda place: _finder(place) is not None, expected)
    find = _finder(folder)
    assert find is not None
    found = find(folder)
    preprocessing = Preprocessing.of(settings, slice_axis=SLICE_AXIS)
    return Layout(
        dataset="ibsr18",
        name=found.name,
        note=found.note,
        cases=found.cases,
        class_names=CLASS_NAMES,
        label_values={value: value for value in (0, *CLASS_NAMES)},
        preprocessing=preprocessing,
        read=partial(read_pair, spacing_from=preprocessing.spacing_from),
        listed=LISTED,
        problems=(*found.problems, *missing_files(found.cases)),
    )


def _finder(folder: Path) -> Callable[[Path], _Found] | None:
    """Which of the three layouts a folder has, if any; the folder alone is looked at, not its files."""
    if any(inside(folder, name).is_dir() for name in MISA_SETS):
        return _find_misa
    patients = [place for _, place in _patients(folder)]
    if not patients:
        return None
    return _find_analyze if any(inside(place, "images").is_dir() for place in patients) else _find_nitrc


def _patients(folder: Path) -> Iterator[tuple[str, Path]]:
    for place in subfolders(folder):
        if match := PATIENT.fullmatch(place.name):
            yield f"IBSR_{match[1]}", place


def _find_misa(folder: Path) -> _Found:
    sets = {inside(folder, name): side for name, side in MISA_SETS.items()}
    places, problems = one_an_id(patient for place in sets for patient in _patients(place))
    cases = []
    for patient_id, place in places.items():
        side, published = sets[place.parent], side_of(patient_id, LISTED)
        if side != published:
            problems.append(PUBLISHED_PLACE.broken(place, f"published for {published or 'neither side'}"))
        labels = nifti(place, f"{patient_id}_seg")
        # The test set was handed out without labels.
        drawn = side is not None or labels.is_file()
        cases.append(Case(patient_id, (nifti(place, patient_id),), (labels,) if drawn else None, published))
    note = "IBSR 18 as MISA hands it out: published sides, tissue labels from IBSR_NN_seg."
    return _Found("MISA", note, tuple(cases), tuple(problems))


def _find_nitrc(folder: Path) -> _Found:
    """Labels are segTRI_ana; segTRI_fill_ana is taken only where no patient at all has the former, and named then."""
    places, problems = one_an_id(_patients(folder))
    plain, filled = "segTRI_ana", "segTRI_fill_ana"

    def any_has(labels: str) -> bool:
        return any(nifti(place, f"{patient_id}_{labels}").is_file() for patient_id, place in places.items())

    labels = filled if any_has(filled) and not any_has(plain) else plain
    cases = tuple(
        _case(patient_id, nifti(place, f"{patient_id}_ana_strip"), nifti(place, f"{patient_id}_{labels}"))
        for patient_id, place in places.items()
    )
    name = "NITRC stripped NIfTI" + (f", labels {filled}" if labels == filled else "")
    meaning = "zeros inside the brain became CSF" if labels == filled else "not the filled variant"
    note = f"IBSR 18 from NITRC, stripped: the 15 patients of MISA's sides, labels {labels} ({meaning})."
    return _Found(name, note, cases, tuple(problems))


def _find_analyze(folder: Path) -> _Found:
    places, problems = one_an_id(_patients(folder))
    cases = tuple(
        _case(patient_id, _pair(place, "images", "ana"), _pair(place, "segmentation", "segTRI_ana"))
        for patient_id, place in places.items()
    )
    note = "IBSR 18 V2.0 as Analyze pairs, heads with their skulls: the 15 patients of MISA's sides, labels segTRI_ana."
    return _Found("original Analyze", note, cases, tuple(problems))


def _pair(place: Path, kind: str, name: str) -> Path:
    """The header of an Analyze pair; whoever reads it tells where its voxels are missing."""
    return inside(inside(inside(place, kind), "analyze"), f"{place.name}_{name}.hdr")


def _case(patient_id: str, image: Path, labels: Path) -> Case:
    return Case(patient_id, (image,), (labels,), side_of(patient_id, LISTED))
