"""What every criterion of depth answered for the runs of a study, beside their Dice, as one table.

    trimformer study STUDY.toml --out FOLDER --only PATTERN
    python examples/answers_together.py FOLDER... --ask PATTERN --out answers.csv

A line for each run that all criteria were asked about: its task, seed and number of blocks, the Dice of its selection
and of its reported patients, how much the former still changed in the end, and the answers; "-" is inconclusive. Those
of the pattern are asked as `trimformer study --judge` asks, where they were not yet. `--sensitivity` writes what the
criteria would answer at other thresholds, so that those can be fitted when the models are gone, `--losses` by how much
the Dice of the selection patients changes where a block alone is made near-sighted, block by block: what `far-sighted`
counts, with its 95 % interval over those patients.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from trimformer.cli.terminal import progress_bars
from trimformer.depth.criteria.catalogue import CRITERIA, DEFAULT
from trimformer.depth.judgement.answers import answers_of
from trimformer.records.depth import read_choices
from trimformer.records.errors import UserError
from trimformer.records.evaluation import Evaluation
from trimformer.records.files import write_text
from trimformer.records.history import read_history
from trimformer.records.late_change import change_over_last_third
from trimformer.records.run_folder import RunFolder
from trimformer.report.tables.flat import write_csv

COLUMNS = ("run", "dataset", "hops", "model", "blocks", "seed", "selection_dice", "still_changing", "dice", *CRITERIA)


def main(arguments: list[str]) -> int:
    """Read, print, write; 2 where no run was asked about, or a file is damaged."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--ask", metavar="PATTERN", help="ask the finished runs of these names first: 'unetr-12-*'")
    parser.add_argument("--out", type=Path, help="write the table there as CSV")
    parser.add_argument("--sensitivity", type=Path, metavar="FILE", help="write the answers at other thresholds there")
    parser.add_argument("--losses", type=Path, metavar="FILE", help="write what near-sighted blocks lose there")
    given = parser.parse_args(arguments)
    try:
        if given.ask is not None:
            _ask(given.folders, given.ask)
        runs = [run for folder in given.folders for run in _asked(folder)]
        _refuse_none(runs)
        table = write_csv([dict(zip(COLUMNS, _row(run), strict=True)) for run in runs])
        at_thresholds = write_csv([row for run in runs for row in _at_thresholds(run)])
        losses = write_csv([row for run in runs for row in _losses(run)])
        sys.stdout.write(table)
        for file, content in ((given.out, table), (given.sensitivity, at_thresholds), (given.losses, losses)):
            if file is not None:
                write_text(file, content)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _refuse_none(runs: Sequence[RunFolder]) -> None:
    if not runs:
        raise UserError(
            "A run counts that every criterion was asked about",
            "none with a criteria.json in these folders",
            "--ask 'PATTERN' asks about runs that are done.",
        )


def _ask(folders: Sequence[Path], pattern: str) -> None:
    files = [file for folder in folders for file in sorted(folder.glob(f"runs/{pattern}/evaluation.json"))]
    if not files:
        raise UserError(
            "--ask must name runs that are done", f"none is called {pattern}", "See the names in FOLDER/runs."
        )
    with progress_bars(shown=True) as progress:
        for file in files:
            answers_of(RunFolder.open(file.parent), progress)


def _asked(folder: Path) -> list[RunFolder]:
    return [RunFolder.open(file.parent) for file in sorted(folder.glob("runs/*/criteria.json"))]


def _row(run: RunFolder) -> tuple[str, ...]:
    experiment, choices = run.experiment(), read_choices(run.criteria_file)
    selection = read_history(run.history_file)["selection_dice"]
    change = change_over_last_third(selection)
    answers = [choices[name].num_blocks if name in choices else None for name in CRITERIA]
    return (
        run.name,
        _cell(experiment.data.dataset),
        _cell(experiment.data.hops),
        _cell(experiment.model.name),
        _cell(experiment.model.num_blocks),
        str(experiment.seed),
        f"{selection[-1]:.4f}",
        _cell(None if change is None else round(change.mean, 4) + 0.0),
        f"{Evaluation.load(run.evaluation_file).mean:.4f}",
        *map(_cell, answers),
    )


def _at_thresholds(run: RunFolder) -> Iterator[dict[str, str]]:
    about = {"run": run.name, "dataset": run.experiment().data.dataset}
    for name, choice in read_choices(run.criteria_file).items():
        for threshold, blocks in choice.sensitivity.items():
            yield about | {"criterion": name, "threshold": threshold, "blocks": _cell(blocks)}


def _losses(run: RunFolder) -> Iterator[dict[str, str]]:
    about = {"run": run.name, "dataset": run.experiment().data.dataset}
    choice = read_choices(run.criteria_file).get(DEFAULT)
    for row in [] if choice is None else choice.evidence["depths"]:
        change = {name: f"{row[name]:.4f}" for name in ("mean", "low", "high")}
        yield about | {"block": str(row["depth"] + 1), "patients": str(choice.evidence["patients"])} | change


def _cell(value: object) -> str:
    return "-" if value is None else str(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
