"""`trimformer train`."""

from pathlib import Path
from typing import Annotated

import typer

from trimformer.cli.terminal import JsonOption, print_json, progress_bars, say


def train(
    experiment: Annotated[Path, typer.Argument(metavar="EXPERIMENT.toml", help="The experiment file.")],
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting: model.num_blocks=3.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; by default runs/NAME.")] = None,
    json: JsonOption = False,
) -> None:
    """Train an experiment into a run folder; run again, it resumes."""
    from trimformer.records.experiment import read_experiment

    resolved = read_experiment(experiment, changes or ())
    from trimformer.training import train as train_experiment

    with progress_bars(shown=not json) as progress:
        run = train_experiment(resolved, out or Path("runs") / resolved.name, progress)
    if json:
        print_json({"run": str(run.path)})
        return
    say(f"Weights at the start: {run.manifest()['weights']['summary']}")
    processes = run.manifest()["processes"]
    if processes["count"] > 1:
        say(f"{processes['count']} processes. Statistics of BatchNorm: {processes['batch_norm']}.")
    say(f"Trained: {run.path}\nNext: trimformer evaluate {run.path}")
