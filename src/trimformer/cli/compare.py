"""`trimformer compare`."""

from pathlib import Path
from typing import Annotated

import typer

from trimformer.cli.compared import print_comparison
from trimformer.cli.terminal import JsonOption, print_json, progress_bars, say


def compare(
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN_OR_EXPORT...", help="Run folders and .onnx or .xml exports; the first is the reference."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for results.json and report.html.")] = Path("comparison"),
    margin: Annotated[float, typer.Option(help="The loss of Dice that does not matter.")] = 0.02,
    json: JsonOption = False,
) -> None:
    """Compare trained runs and exports: Dice, parameters, paired statistics, operations, memory, time a slice.

    Runs that differ in their seed only make one row. An export is compared with the run that it was made of.
    """
    from trimformer.records.run_folder import RunFolder

    for path in models:
        if not path.is_file():
            RunFolder.open(path)
    from trimformer.deploy.compared import open_compared
    from trimformer.evaluation.compare import compare as compare_models
    from trimformer.report import write_report

    with progress_bars(shown=not json) as progress:
        candidates, unscored = open_compared(models, progress)
        results = compare_models(candidates, out, unscored=unscored, margin=margin, progress=progress)
    results.save(out / "results.json")
    page = write_report(out)
    if json:
        print_json(results.model_dump(mode="json"))
        return
    print_comparison(out)
    say(f"Report: {page.resolve()}")
