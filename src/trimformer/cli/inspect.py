"""`trimformer inspect`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from trimformer.cli.inspected import Inspected, document, print_inspected
from trimformer.cli.terminal import JsonOption, complain, print_json, progress_bars, say

if TYPE_CHECKING:
    from trimformer.records.attention_example import AttentionExample
    from trimformer.records.errors import UserError
    from trimformer.records.progress import Progress
    from trimformer.records.run_folder import RunFolder

Given = TypeVar("Given")
Made = TypeVar("Made")

COMPARISON = Path("attention-figures")
"""Where the figures of several runs go unless a folder is given; those of one go into the run."""


def inspect(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN_OR_MODEL...",
            help="Run folders, or experiment files: their models as training would begin, in runs/NAME-untrained. "
            "Several are drawn side by side.",
        ),
    ],
    *,
    slices: Annotated[
        int | None,
        typer.Option(min=1, help="Slices of each patient, spread evenly over those with a label. All if left out."),
    ] = None,
    field_slices: Annotated[
        int,
        typer.Option(
            min=0,
            help="Slices of each patient whose effective receptive field is measured, a gate of the rule; each costs "
            "about twenty predictions of a 12-block UNETR. 0: none.",
        ),
    ] = 4,
    explorer_slices: Annotated[
        int,
        typer.Option(
            min=0,
            help="Slices on explorer.html, the page to click through: seconds each of a tiny model, a minute of a base "
            "one. 0: no page.",
        ),
    ] = 4,
    causal_radius: Annotated[
        bool,
        typer.Option(
            "--causal-radius",
            help="Also measure the Dice that remains when attention beyond a radius is masked, and when the last "
            "blocks are skipped. Dear: with L blocks and R radii R x (2L - 1) + L + 2 predictions of every selection "
            "patient, and of training patients where those are fewer than six.",
        ),
    ] = False,
    radius: Annotated[
        list[float] | None, typer.Option(help="With --causal-radius: this radius in mm, not the usual ones; repeat.")
    ] = None,
    figures: Annotated[
        bool, typer.Option("--figures", help="Draw figures as PNG, SVG and PDF; a second or two each.")
    ] = False,
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
    """Measure what every block's attention looks at, and write it into the run's folder.

    Always: distance, far-field ratio, mixing, entropy, query-key information, sinks and rollouts of every block and
    head, similarity of blocks, and which organ sees which, in one pass over the training patients (the permuted twin
    sees one slice in thirty-two); the receptive field; the explorer.
    """
    _only_with("--figures", figures, format=file_format, block=block, head=head, patient=patient, out=out)
    _only_with("--figures", figures, slice=slice_index)
    _only_with("--causal-radius", causal_radius, radius=radius)
    from trimformer.processes.group import is_first
    from trimformer.processes.share import first_before_others
    from trimformer.report.attention.write import FORMATS, check_formats, write_run_figures
    from trimformer.training.tracking import track

    formats = file_format or FORMATS
    check_formats(formats)
    _check_radii(radius or [])
    told = _Told(single=len(runs) == 1)
    folders = _named(told.without_failures(_once(runs), _open))
    drawn: list[Path] | None = None
    with progress_bars(shown=not json) as progress:
        # Before the long pass, so that a block or head that is not there is told at once.
        asked_examples = _Examples(patient, slice_index, block or [], head)
        examples = first_before_others(lambda: asked_examples.of(folders)) if figures else {}
        asked = _Asked(slices, field_slices, explorer_slices, causal_radius, radius)
        inspected = told.without_failures(folders, lambda folder: _inspect(folder, asked, progress))
        if figures:
            place = out or (next(iter(folders.values())).figures if len(runs) == 1 else COMPARISON)
            whole = {name: folders[name] for name in inspected}
            shown = {name: example for name, example in examples.items() if name in inspected}
            draw = partial(write_run_figures, whole, place, formats, examples=shown, blocks=block or (), head=head)
            drawn = draw() if is_first() else []
            if is_first():
                for folder in whole.values():
                    track(folder)
    if json:
        print_json(document(inspected, told.failures, drawn, single=len(runs) == 1))
    else:
        for name, one in inspected.items():
            print_inspected(name if len(runs) > 1 else "", one)
        if drawn is not None:
            say(f"{len(drawn)} files of figures: {place.resolve()}")
    told.end()


@dataclass(frozen=True)
class _Asked:
    """What is measured beside the profile, and how much of it."""

    slices: int | None
    field_slices: int
    explorer_slices: int
    causal_radius: bool
    radii_mm: list[float] | None


def _inspect(folder: "RunFolder", asked: _Asked, progress: "Progress") -> Inspected:
    """Measure one run; nothing is written before everything that was asked for has been measured."""
    from trimformer.attention.run_measures import measure_run
    from trimformer.processes.share import first_alone

    measured = measure_run(folder, slices=asked.slices, field_slices=asked.field_slices, progress=progress)
    if asked.causal_radius:
        first_alone(lambda: _ablate(folder, asked.radii_mm, progress))
    files = measured.save(folder) | (_ablation_files(folder) if asked.causal_radius else {})
    inspected = Inspected(measured, files, dict(measured.left_out))
    if asked.explorer_slices:
        first_alone(lambda: _write_explorer(folder, asked.explorer_slices, inspected, progress))
    return inspected


def _ablate(folder: "RunFolder", radii_mm: list[float] | None, progress: "Progress") -> None:
    from trimformer.attention.ablation.causal_radius import causal_radius_of_run
    from trimformer.attention.ablation.skip import skipped_blocks_of_run

    causal_radius_of_run(folder, radii_mm, progress)
    skipped_blocks_of_run(folder, progress)


def _ablation_files(folder: "RunFolder") -> dict[str, Path]:
    return {"causal_radius": folder.causal_radius_file, "skipped_blocks": folder.skipped_blocks_file}


def _write_explorer(folder: "RunFolder", num_slices: int, inspected: Inspected, progress: "Progress") -> None:
    """The page, or why there is none: not every network can be shown on it."""
    from trimformer.attention.showing.explorer_data import explorer_of_run
    from trimformer.records.errors import UserError
    from trimformer.report.explorer import write_explorer

    try:
        write_explorer(folder.explorer_file, explorer_of_run(folder, num_slices, progress))
        inspected.files["explorer"] = folder.explorer_file
    except UserError as error:
        inspected.left_out["explorer"] = str(error)


@dataclass(frozen=True)
class _Examples:
    """The slice that is drawn, as each run sees it."""

    patient: str | None
    slice_index: int | None
    blocks: list[int]
    head: int | None

    def of(self, folders: dict[str, "RunFolder"]) -> dict[str, "AttentionExample"]:
        """The examples of those runs that have one.

        Raises:
            UserError: Somebody asked for a patient, slice, block or head that is not there.
        """
        from trimformer.attention.showing.examples import examples_of_runs
        from trimformer.records.errors import UserError

        named = self.patient is not None or self.slice_index is not None or self.blocks or self.head is not None
        examples: dict[str, AttentionExample] = {}
        patient, index = self.patient, self.slice_index
        for name, folder in folders.items():
            try:
                examples |= examples_of_runs({name: folder}, patient, index)
            except UserError:
                if named:
                    raise
                continue  # what is wrong with the run itself is told when it is measured
            patient, index = examples[name].patient_id, examples[name].slice_index
            for block in self.blocks or [1]:
                examples[name].attention(block, self.head)
        return examples


class _Told:
    """The runs that failed while the rest was done; a single run's mistake is the command's own."""

    def __init__(self, single: bool) -> None:
        self.failures: dict[str, UserError] = {}
        self._single = single

    def without_failures(self, given: dict[str, Given], make: Callable[[Given], Made]) -> dict[str, Made]:
        """What could be made, by name.

        Raises:
            UserError: Of a single run, or the first where none is left.
        """
        from trimformer.records.errors import UserError

        made: dict[str, Made] = {}
        for name, one in given.items():
            try:
                made[name] = make(one)
            except UserError as error:
                self.failures[name] = error
                if self._single:
                    raise
        if not made:
            raise next(iter(self.failures.values()))
        return made

    def end(self) -> None:
        """Say what failed, and exit so that a script notices."""
        for name, error in self.failures.items():
            complain(f"{name} was left out. {error.rule}", error.found, error.next_step)
        if self.failures:
            raise typer.Exit(3)


def _open(run: Path) -> "RunFolder":
    """A run, or the folder that an experiment's model is written into before any training."""
    from trimformer.records.experiment import read_experiment
    from trimformer.records.run_folder import RunFolder

    if run.suffix != ".toml":
        return RunFolder.open(run)
    experiment = read_experiment(run)
    from trimformer.processes.share import first_before_others
    from trimformer.training.untrained import write_untrained_run

    place = Path("runs") / f"{experiment.name}-untrained"
    return first_before_others(lambda: write_untrained_run(experiment, place))


def _check_radii(radii_mm: list[float]) -> None:
    """Refused here, since attention is limited only after the long pass."""
    from trimformer.records.errors import UserError

    if wrong := [radius for radius in radii_mm if not radius >= 0]:
        raise UserError("A radius of attention is 0 mm or more", wrong[0], "Give a distance in mm.")


def _only_with(option: str, given: bool, **choices: object) -> None:
    from trimformer.records.errors import UserError

    without = [f"--{name}" for name, value in choices.items() if value not in (None, [])]
    if without and not given:
        found = f"{', '.join(without)} without {option}"
        raise UserError(f"Some options choose what {option} does", found, f"Add {option}.")


def _once(runs: list[Path]) -> dict[str, Path]:
    """The runs by their paths."""
    from trimformer.records.errors import UserError

    if len({run.resolve() for run in runs}) < len(runs):
        raise UserError("Each run is named once", ", ".join(map(str, runs)), "Leave one out.")
    return {str(run): run for run in runs}


def _named(folders: dict[str, "RunFolder"]) -> dict[str, "RunFolder"]:
    """The runs by their names, or, where two are called alike, with the folders that they lie in, or by their paths."""
    opened = list(folders.values())
    short = [folder.name for folder in opened]
    names = [
        name if short.count(name) == 1 else f"{folder.path.resolve().parent.name}-{name}"
        for name, folder in zip(short, opened, strict=True)
    ]
    return dict(zip(names, opened, strict=True)) if len(set(names)) == len(names) else folders
