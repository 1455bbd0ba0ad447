"""`trimformer report`."""

from pathlib import Path
from typing import Annotated

import typer

from trimformer.cli.terminal import JsonOption, print_json, say


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder with results.json.")],
    json: JsonOption = False,
) -> None:
    """Write tables, figures and report.html again from what is there."""
    from trimformer.report import write_report

    page = write_report(folder)
    if json:
        print_json({"report": str(page)})
        return
    say(f"Report: {page.resolve()}")
