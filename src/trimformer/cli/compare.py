"""`trimformer compare`."""

from pathlib import Path
from typing import Annotated

import typer

from trimformer.cli.compared import print_comparison
from trimformer.cli.terminal import JsonOption, print_json, progress_bars, say


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders; the first is the reference.")],
    out: Annotated[Path, typer.Option(help="Folder for results.json and report.html.")] = Path("comparison"),
    margin: Annotated[float, typer.Option(help="The loss of Dice that does not matter.")] = 0.02,
    json: JsonOption = False,
) -> None:
    """Compare trained runs: Dice, parameters, paired statistics, operations, memory, time a slice.

    Runs that differ in their seed only make one row.
    """
    from trimformer.records.run_folder import RunFolder

    folders = [RunFolder.open(run) for run in runs]
    from trimformer.evaluation.compare import compare as compare_runs
    from trimformer.evaluation.rows import Candidate
    from trimformer.report import write_report

    with progress_bars(shown=not json) as progress:
        candidates = [Candidate.of(folder, is_reference=index == 0) for index, folder in enumerate(folders)]
        results = compare_runs(candidates, out, margin=margin, progress=progress)
    results.save(out / "results.json")
    page = write_report(out)
    if json:
        print_json(results.model_dump(mode="json"))
        return
    print_comparison(out)
    say(f"Report: {page.resolve()}")
