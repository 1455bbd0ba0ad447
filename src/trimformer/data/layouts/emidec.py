"""EMIDEC 1.0.1, delayed-enhancement scans of 100 hearts: a folder a patient, P pathological and N normal."""

import re
from functools import partial
from pathlib import Path

from trimformer.data.layout import Case, Layout
from trimformer.data.layouts.folders import (
    dataset_root,
    inside,
    missing_files,
    nifti,
    one_an_id,
    subfolders,
    the_one_folder,
)
from trimformer.data.preprocessing import Preprocessing
from trimformer.data.reading.pairs import read_pair
from trimformer.records.settings import DataSettings

CLASS_NAMES = {1: "myocardium", 2: "infarction", 3: "no-reflow"}

LABEL_VALUES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 3}
"""1 is the cavity, which the paper counts as background."""

CROP = 96

PATIENT = re.compile(r"case_([pn]?)(\d{3})", re.IGNORECASE)
"""The letter is the diagnosis; patients of the challenge's test set have none, and no labels either."""

NOTE = "EMIDEC 1.0.1: the cavity counts as background; pathological and normal cases are kept in proportion."


def find_emidec(settings: DataSettings) -> Layout:
    """List EMIDEC, where the root or the one folder in it holds Case_P... or Case_N... folders.

    Raises:
        FileError: The root is no folder, or none or several of its folders hold such cases.
    """
    folder = the_one_folder(dataset_root(settings), _has_diagnosed_patients, "Case_P001, Case_N006, ...")
    places, problems = one_an_id(
        (f"Case_{match[1].upper()}{match[2]}", place)
        for place in subfolders(folder)
        if (match := PATIENT.fullmatch(place.name))
    )
    cases = tuple(_case(patient_id, place) for patient_id, place in places.items())
    preprocessing = Preprocessing.of(settings, slice_axis=2, spacing_from="header", crop=CROP)
    return Layout(
        dataset="emidec",
        name="EMIDEC 1.0.1",
        note=NOTE,
        cases=cases,
        class_names=CLASS_NAMES,
        label_values=LABEL_VALUES,
        preprocessing=preprocessing,
        read=partial(read_pair, spacing_from=preprocessing.spacing_from),
        problems=(*problems, *missing_files(cases)),
    )


def _has_diagnosed_patients(folder: Path) -> bool:
    return any((match := PATIENT.fullmatch(place.name)) and match[1] for place in subfolders(folder))


def _case(patient_id: str, place: Path) -> Case:
    """Whoever has a diagnosis was labelled, so only the others may come without labels."""
    group = patient_id.removeprefix("Case_").rstrip("0123456789")
    contours = inside(place, "Contours")
    labels = (nifti(contours, place.name),) if group or contours.is_dir() else None
    return Case(patient_id, (nifti(inside(place, "Images"), place.name),), labels, group=group)
