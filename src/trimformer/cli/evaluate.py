"""`trimformer evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from trimformer.cli.terminal import JsonOption, print_json, print_table, progress_bars, say
from trimformer.records.evaluation import EMPTY_RULES, Empty, Unit


def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    unit: Annotated[
        Unit, typer.Option(help="Take a Dice over each patient's volume, or over each slice as some papers do.")
    ] = "volume",
    empty: Annotated[
        Empty, typer.Option(help="What an empty mask counts: transunet for the rule of TransUNet's own program.")
    ] = "left_out",
    json: JsonOption = False,
) -> None:
    """Score a run per patient and class, on each patient's own grid.

    Scores by slice or with TransUNet's rule are written beside evaluation.json and never enter a comparison.
    """
    from trimformer.records.run_folder import RunFolder

    folder = RunFolder.open(run)
    from trimformer.evaluation.evaluate import evaluate_otherwise, evaluate_run
    from trimformer.training.tracking import track

    with progress_bars(shown=not json) as progress:
        if (unit, empty) == ("volume", "left_out"):
            evaluation = evaluate_run(folder, progress)
        else:
            evaluation = evaluate_otherwise(folder, unit, empty, progress)
        track(folder)
    if json:
        print_json(evaluation.model_dump(mode="json"))
        return
    rows = [
        [name, _number(label.mean), _interval(label.ci95), *map(str, (label.absent, label.missed, label.false_alarm))]
        for name, label in evaluation.summary.items()
    ]
    rows.append(["mean", _number(evaluation.mean), _interval(evaluation.ci95), "", "", ""])
    columns = ("class", "Dice", "95 % interval", "absent", "missed", "false alarm")
    print_table(f"{len(evaluation.patients)} patients, best epoch, Dice by {unit}", columns, rows)
    if empty != "left_out":
        say(f"Empty masks {EMPTY_RULES[empty]}.")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _interval(interval: tuple[float, float] | None) -> str:
    return "-" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"
