"""Open every file of a dataset: its cases, slices, labels and geometry, and all the rules that it breaks."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from trimformer.data.checking.case import CheckedFiles, check_case
from trimformer.data.layout import Case, Layout
from trimformer.data.patient import Patient
from trimformer.data.splitting.sides import deal_sides
from trimformer.records.data_check import CheckedCase, DataCheck, LabelCount, Problem, Range
from trimformer.records.errors import UserError
from trimformer.records.progress import Progress, silent
from trimformer.records.settings import DataSettings

WORKERS = 4
"""Cases that are open at once, at most; more would hold more memory and wait for the same disk."""

SPLITS = ("training", "validation", "unlabelled")

Item = TypeVar("Item")


def look_away(case: Case, split: str, patient: Patient) -> None:
    """Nobody wants to see the patients."""


def check_dataset(
    layout: Layout,
    settings: DataSettings,
    progress: Progress = silent,
    look: Callable[[Case, str, Patient], None] = look_away,
) -> DataCheck:
    """Read every case and collect every problem, in the order of the cases whichever is read first.

    Args:
        layout: The dataset as its files lie.
        settings: Decide the sides of its patients.
        progress: Told after each case.
        look: Is shown each case that breaks no rule, with its split; called from several threads.
    """
    splits, errors = _splits(layout, settings)

    def check(case: Case) -> CheckedFiles:
        return check_case(layout, case, splits[case.patient_id], look)

    checked: list[CheckedFiles] = []
    with ThreadPoolExecutor(min(WORKERS, max(2, os.cpu_count() or 1))) as pool:
        for files in pool.map(check, layout.cases):
            checked.append(files)
            progress("checking", len(checked), len(layout.cases))
    errors = [*layout.problems, *errors, *(error for files in checked for error in files.errors)]
    return _summary(layout, settings, splits, [files.case for files in checked if files.case], errors)


def _splits(layout: Layout, settings: DataSettings) -> tuple[dict[str, str], list[UserError]]:
    """Patient -> split, and why the sides cannot be dealt where they cannot."""
    unlabelled = {case.patient_id: "unlabelled" for case in layout.cases if case.labels is None}
    try:
        sides = deal_sides(layout.roster, settings)
    except UserError as error:
        published = {case.patient_id: _split(case.side or "labelled") for case in layout.labelled}
        return unlabelled | published, [error]
    unused = {case.patient_id: "unused" for case in layout.labelled}
    return unlabelled | unused | {patient_id: _split(side) for side, ids in sides.items() for patient_id in ids}, []


def _split(side: str) -> str:
    """Whoever selects the best epoch was set aside from training."""
    return "training" if side == "selection" else side


def _summary(
    layout: Layout,
    settings: DataSettings,
    splits: Mapping[str, str],
    cases: list[CheckedCase],
    errors: list[UserError],
) -> DataCheck:
    slices: Counter[str] = Counter()
    for case in cases:
        slices[case.split] += case.slices
    problems = [Problem.of(error, settings.root or layout.dataset) for error in errors]
    names = {0: "background", **layout.class_names}
    volumes = {value: _range(case.millilitres(value) for case in cases) for value in names}
    spacings = [_range(case.spacing_mm[axis] for case in cases) for axis in range(3)]
    return DataCheck(
        dataset=layout.dataset,
        layout=layout.name,
        note=layout.note,
        cases=_by_split(Counter(splits[case.patient_id] for case in layout.cases)),
        slices=_by_split(slices),
        labels={value: LabelCount(name=name, voxels=_voxels(cases, value)) for value, name in names.items()},
        label_volumes_ml={value: volume for value, volume in volumes.items() if volume is not None},
        spacing_mm=(spacings[0], spacings[1], spacings[2]) if spacings[0] and spacings[1] and spacings[2] else None,
        intensities=_range(value for case in cases for channel in case.intensities for value in channel),
        preprocessing=layout.preprocessing.document(),
        patients=tuple(cases),
        problems=tuple(dict.fromkeys(problems)),
    )


def _by_split(counts: Counter[str]) -> dict[str, int]:
    """The three splits of every dataset, empty or not, and others where there are some."""
    return {split: counts[split] for split in SPLITS} | {split: n for split, n in counts.items() if split not in SPLITS}


def _voxels(cases: list[CheckedCase], value: int) -> int:
    return sum(case.voxels[value] for case in cases if case.voxels is not None)


def _range(values: Iterable[float | None]) -> Range | None:
    present = [value for value in values if value is not None]
    return (min(present), max(present)) if present else None
