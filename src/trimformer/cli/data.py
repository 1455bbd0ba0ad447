"""`trimformer data`: look at a dataset, prepare it, deal its patients to sides, see them augmented."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trimformer.cli import augment, check
from trimformer.cli.check import DatasetArgument, RootArgument, SetOption
from trimformer.cli.terminal import JsonOption, print_json, print_table, progress_bars, say

if TYPE_CHECKING:
    from trimformer.records.settings import DataSettings

app = typer.Typer(
    no_args_is_help=True, help="Check a dataset, prepare it, deal its patients to sides, see them augmented."
)
app.command("check")(check.check)
app.command("augmentation")(augment.augmentation)


@app.command()
def prepare(
    dataset: DatasetArgument,
    out: Annotated[Path, typer.Option(help="Folder for the prepared arrays; run again, it goes on.")],
    root: RootArgument = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Cases at once; 4 at most if left out.")] = None,
    overrides: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Bring every case to the model's grid once: arrays that map into memory, for any number of trainings."""
    from trimformer.records.experiment import read_data_settings

    settings = read_data_settings(dataset, root, overrides or ())
    from trimformer.data.catalogue import find_layout
    from trimformer.data.preparation.prepare import prepare_dataset

    with progress_bars(shown=not json) as progress:
        index = prepare_dataset(find_layout(settings), out, progress, workers)
    if json:
        print_json({"prepared": str(out), "dataset": dataset, "patients": len(index.patients)})
        return
    say(f"{len(index.patients)} patients prepared in {out.resolve()}\nIn an experiment:\n")
    say(_section(settings, prepared=str(out.resolve())))


def _section(settings: "DataSettings", **changes: object) -> str:
    """The section of an experiment file that uses what was made; what is prepared needs no root."""
    import tomli_w

    written = settings.model_dump(exclude_unset=True, exclude_none=True) | changes
    if "prepared" in written:
        written.pop("root", None)
    return tomli_w.dumps({"data": written}).rstrip()


@app.command()
def split(
    dataset: DatasetArgument,
    out: Annotated[Path, typer.Option(help="A .json file.")],
    root: RootArgument = None,
    folds: Annotated[int | None, typer.Option(help="Cross-validation: one entry a fold.")] = None,
    seed: Annotated[int | None, typer.Option(help="Decides the draw.")] = None,
    overrides: SetOption = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    json: JsonOption = False,
) -> None:
    """Write who trains, selects and validates to a file that you can edit."""
    from trimformer.records.errors import UserError
    from trimformer.records.experiment import read_data_settings

    if out.exists() and not force:
        raise UserError("A split file is not written over, someone may have edited it", out, "Add --force to do it.")
    given = [*(overrides or ()), *_given("folds", folds), *_given("split_seed", seed)]
    every = [read_data_settings(dataset, root, [*given, f"fold={fold}"]) for fold in range(folds or 1)]
    from trimformer.data.catalogue import find_layout
    from trimformer.data.splitting.file import SIDES, write_split
    from trimformer.data.splitting.sides import deal_sides

    roster = find_layout(every[0]).roster
    splits = [deal_sides(roster, settings) for settings in every]
    write_split(out, splits)
    if json:
        print_json({"split": str(out), "splits": splits})
        return
    rows = [[str(fold), *(str(len(one.get(side, ()))) for side in SIDES)] for fold, one in enumerate(splits)]
    print_table("Patients", ("fold", *SIDES), rows)
    fold = {"fold": 0} if folds else {}
    say(f"Edit it as you like: {out.resolve()}\nIn an experiment:\n")
    say(_section(read_data_settings(dataset, root, overrides or ()), split=str(out.resolve()), **fold))


def _given(key: str, value: int | None) -> list[str]:
    return [] if value is None else [f"{key}={value}"]
