"""`trimformer evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from trimformer.cli.terminal import JsonOption, print_json, print_table, progress_bars


def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    json: JsonOption = False,
) -> None:
    """Score a run per patient and class, on each patient's own grid."""
    from trimformer.records.run_folder import RunFolder

    folder = RunFolder.open(run)
    from trimformer.evaluation.evaluate import evaluate_run

    with progress_bars(shown=not json) as progress:
        evaluation = evaluate_run(folder, progress)
    if json:
        print_json(evaluation.model_dump(mode="json"))
        return
    rows = [
        [name, _number(label.mean), _interval(label.ci95), *map(str, (label.absent, label.missed, label.false_alarm))]
        for name, label in evaluation.summary.items()
    ]
    rows.append(["mean", _number(evaluation.mean), _interval(evaluation.ci95), "", "", ""])
    columns = ("class", "Dice", "95 % interval", "absent", "missed", "false alarm")
    print_table(f"{len(evaluation.patients)} patients, best epoch", columns, rows)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _interval(interval: tuple[float, float] | None) -> str:
    return "-" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"
