"""`trimformer data check`."""

import shlex
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trimformer.cli.terminal import JsonOption, print_json, print_table, progress_bars, say

if TYPE_CHECKING:
    from trimformer.records.data_check import CheckedCase, DataCheck, Problem, Range
    from trimformer.records.progress import Progress
    from trimformer.records.settings import DataSettings

DatasetArgument = Annotated[
    str, typer.Argument(metavar="DATASET", help="ibsr18, emidec, synapse, nnunet (your own data), brain or phantom.")
]
RootArgument = Annotated[
    str | None, typer.Argument(metavar="ROOT", help="Its folder, as it was downloaded; brain and phantom have none.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A setting of the section data, say slice_axis=1."),
]

MOST_CASES = 40
"""More cases are not listed one by one."""


def check(
    dataset: DatasetArgument,
    root: RootArgument = None,
    preview: Annotated[Path | None, typer.Option(help="Draw the cases with their labels into a .png file.")] = None,
    overrides: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Open every file of a dataset and list everything that is wrong; exit code 2 if anything is."""
    from trimformer.records.experiment import read_data_settings

    settings = read_data_settings(dataset, root, overrides or ())
    if preview is not None:
        from trimformer.report.contact_sheet import check_png

        check_png(preview)
    with progress_bars(shown=not json) as progress:
        found, drawn = _check(settings, preview, progress)
    if json:
        print_json(found.model_dump(mode="json") | {"preview": str(preview) if drawn else None})
    else:
        _print_tables(found)
        if drawn and preview is not None:
            say(f"Preview: {preview.resolve()}")
        _print_problems(found.problems, root)
        if not found.problems:
            say(f"Nothing is wrong. Next:\n  {_next_command(dataset, root, overrides or ())}")
    if found.problems:
        raise typer.Exit(2)


def _check(settings: "DataSettings", preview: Path | None, progress: "Progress") -> "tuple[DataCheck, bool]":
    """The check, and whether a preview was drawn."""
    from trimformer.data.catalogue import find_layout
    from trimformer.data.checking.check import check_dataset
    from trimformer.data.checking.pictures import SlicePictures
    from trimformer.records.data_check import DataCheck
    from trimformer.records.errors import FileError
    from trimformer.report.contact_sheet import draw_contact_sheet, of_cases

    try:
        layout = find_layout(settings)
    except FileError as error:
        return DataCheck.of_nothing(settings.dataset, settings.root or "", error), False
    if preview is None:
        return check_dataset(layout, settings, progress), False
    sheet = SlicePictures(layout)
    found = check_dataset(layout, settings, progress, sheet.look)
    if sheet.pictures:
        title = f"{layout.dataset}  ·  {layout.name}"
        subtitle = of_cases(sheet.pictures, len(layout.cases))
        draw_contact_sheet(sheet.pictures, layout.class_names, title, subtitle, preview)
    return found, bool(sheet.pictures)


def _print_tables(found: "DataCheck") -> None:
    if not found.cases:
        return
    splits = [
        [
            split,
            str(cases),
            str(found.slices.get(split, 0)),
            *_geometry([p for p in found.patients if p.split == split]),
        ]
        for split, cases in found.cases.items()
    ]
    print_table(f"{found.dataset}, {found.layout}", ("split", "cases", "slices", "voxel mm", "intensities"), splits)
    title = "Labels; smallest and largest volume in a case"
    print_table(title, ("value", "name", "in cases", "voxels", "ml"), _label_rows(found))
    if len(found.patients) <= MOST_CASES:
        columns = ("case", "split", "shape", "voxel mm", "axes", "intensities")
        print_table("Cases", columns, [_row(case) for case in found.patients])
    else:
        say(f"--json lists all {len(found.patients)} cases one by one.")
    if found.note:
        say(found.note)


def _label_rows(found: "DataCheck") -> list[list[str]]:
    rows = []
    for value, label in found.labels.items():
        cases = sum(bool(case.voxels and case.voxels[value]) for case in found.patients)
        volume = _shown(found.label_volumes_ml.get(value))
        rows.append([str(value), label.name, str(cases), f"{label.voxels:,}", volume])
    return rows


def _row(case: "CheckedCase") -> list[str]:
    shape = "×".join(map(str, case.shape))
    voxel, intensities = _geometry([case])
    return [case.patient_id, case.split, shape, voxel, case.axes, intensities]


def _geometry(cases: "Sequence[CheckedCase]") -> tuple[str, str]:
    """Voxel sizes and intensities of some cases, each from the lowest to the highest."""
    if not cases:
        return "-", "-"
    sizes = (_span([case.spacing_mm[axis] for case in cases]) for axis in range(3))
    values = [value for case in cases for channel in case.intensities for value in channel]
    return "×".join(_shown(size, "–") for size in sizes), _shown(_span(values))


def _span(values: Sequence[float]) -> "Range":
    return min(values), max(values)


def _shown(span: "Range | None", to: str = " to ") -> str:
    """A range in three digits or so, one figure where its ends are the same."""
    if span is None:
        return "-"
    low, high = (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" for value in span)
    return low if low == high else f"{low}{to}{high}"


def _print_problems(problems: "Sequence[Problem]", root: str | None) -> None:
    """Everything that is wrong, under each rule the files that break it."""
    if not problems:
        return
    say(f"\n{len(problems)} problem{'' if len(problems) == 1 else 's'}")
    by_rule: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        by_rule.setdefault((problem.rule, problem.fix), []).append(problem)
    numbers = count(1)
    for (rule, fix), broken in by_rule.items():
        say(f"\n{rule}.\n  next: {fix}")
        for problem, number in zip(broken, numbers):  # noqa: B905 - the numbers never end
            say(f"  {number:>3}. {_within(problem.file, root)}\n       found: {problem.found}")


def _within(file: str, root: str | None) -> str:
    """A file's path from the root of its dataset, where that is shorter."""
    path = Path(file)
    return str(path.relative_to(root)) if root and path != Path(root) and path.is_relative_to(root) else file


def _next_command(dataset: str, root: str | None, overrides: Sequence[str]) -> str:
    settings = [word for override in overrides for word in ("--set", override)]
    words = ["trimformer", "data", "prepare", dataset, *([root] if root else []), *settings, "--out"]
    return f"{shlex.join(words)} prepared/{dataset}"
