"""`trimformer inspect`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trimformer.cli.terminal import JsonOption, print_json, print_table, progress_bars, say

if TYPE_CHECKING:
    from trimformer.records.attention_example import AttentionExample
    from trimformer.records.profile import AttentionProfile
    from trimformer.records.run_folder import RunFolder

COLUMNS = {
    "distance mm": "foreground/distance_mm",
    "ratio to uniform": "foreground/distance_ratio",
    "far-field ratio": "foreground/far_field_ratio",
    "mixing": "foreground/mixing",
    "entropy": "foreground/entropy",
    "q-k information": "foreground/query_key_information",
}
COMPARISON = Path("attention-figures")
"""Where the figures of several runs go unless a folder is given; those of one go into the run."""


def inspect(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders; several are drawn side by side.")],
    *,
    figures: Annotated[bool, typer.Option("--figures", help="Draw figures as PNG, SVG and PDF.")] = False,
    file_format: Annotated[
        list[str] | None, typer.Option("--format", help="Draw them as png, svg or pdf alone; repeat.")
    ] = None,
    block: Annotated[list[int] | None, typer.Option(help="Draw all heads of this block, 1 the first; repeat.")] = None,
    head: Annotated[int | None, typer.Option(help="Draw this head's maps, 1 the first, not the heads' mean.")] = None,
    patient: Annotated[str | None, typer.Option(help="Draw a slice of this training patient.")] = None,
    slice_index: Annotated[int | None, typer.Option("--slice", help="Draw this slice of it, 0 the first.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the figures.")] = None,
    json: JsonOption = False,
) -> None:
    """Measure what every block's attention looks at."""
    from trimformer.records.run_folder import RunFolder

    _check(figures, format=file_format, block=block, head=head, patient=patient, slice=slice_index, out=out)
    folders = _named([RunFolder.open(run) for run in runs])
    from trimformer.attention.inspect_run import inspect_run
    from trimformer.report.attention.write import FORMATS, check_formats, write_attention_figures

    formats = file_format or FORMATS
    check_formats(formats)
    files: list[Path] = []
    with progress_bars(shown=not json) as progress:
        # Before the long pass, so that a block or head that is not there is told at once.
        examples = _examples(folders, patient, slice_index, block or [1], head) if figures else {}
        profiles = {name: inspect_run(folder, progress) for name, folder in folders.items()}
        if figures:
            place = out or (next(iter(folders.values())).figures if len(folders) == 1 else COMPARISON)
            files = write_attention_figures(profiles, place, formats, examples=examples, blocks=block or (), head=head)
    if json:
        print_json(_document(folders, files if figures else None))
        return
    for name, profile in profiles.items():
        _print_profile(profile, f"{name}: " if len(profiles) > 1 else "")
    if figures:
        say(f"{len(files)} files of figures: {place.resolve()}")


def _examples(
    folders: dict[str, "RunFolder"], patient: str | None, slice_index: int | None, blocks: list[int], head: int | None
) -> dict[str, "AttentionExample"]:
    """The slice that is drawn, as each run sees it; a block or a head that is not there is told."""
    from trimformer.attention.showing.examples import examples_of_runs

    examples = examples_of_runs(folders, patient, slice_index)
    for example in examples.values():
        for block in blocks:
            example.attention(block, head)
    return examples


def _check(figures: bool, **only_with_figures: object) -> None:
    from trimformer.records.errors import UserError

    given = [f"--{name}" for name, value in only_with_figures.items() if value not in (None, [])]
    if given and not figures:
        raise UserError("Some options choose what is drawn", f"{', '.join(given)} without --figures", "Add --figures.")


def _named(folders: list["RunFolder"]) -> dict[str, "RunFolder"]:
    """The runs by their names, or, where two are called alike, with the folders that they lie in."""
    from trimformer.records.errors import UserError

    short = [folder.name for folder in folders]
    names = [
        name if short.count(name) == 1 else f"{folder.path.resolve().parent.name}-{name}"
        for name, folder in zip(short, folders, strict=True)
    ]
    if len(set(names)) < len(names):
        raise UserError("Each run is named once", ", ".join(str(folder.path) for folder in folders), "Leave one out.")
    return dict(zip(names, folders, strict=True))


def _document(folders: dict[str, "RunFolder"], files: list[Path] | None) -> dict[str, Any]:
    """One run as it is, several by their names; the figures where they were asked for."""
    runs = {
        name: {"profile": str(folder.profile_file), "arrays": str(folder.profile_arrays)}
        for name, folder in folders.items()
    }
    document: dict[str, Any] = dict(next(iter(runs.values()))) if len(runs) == 1 else {"runs": runs}
    return document if files is None else document | {"figures": [str(file) for file in files]}


def _print_profile(profile: "AttentionProfile", name: str) -> None:
    import numpy as np

    means = {title: np.nanmean(profile.model[key], axis=(0, 2)) for title, key in COLUMNS.items()}
    field = np.nanmean(profile.model["foreground/norm_weighted/far_field_ratio"], axis=0)
    rows = [
        [str(block + 1), *(f"{values[block]:.3f}" for values in means.values()), f"{field[block]:.3f}"]
        for block in range(profile.num_blocks)
    ]
    patients = len(profile.patient_ids)
    title = f"{name}Foreground queries and keys, means over {patients} patients and {profile.num_heads} heads"
    print_table(title, ("block", *means, "cumulative field"), rows)
