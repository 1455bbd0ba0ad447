"""`trimformer report`."""

from pathlib import Path
from typing import Annotated

import typer

from trimformer.cli.terminal import JsonOption, print_json, say


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a comparison, a demo or a study.")],
    json: JsonOption = False,
) -> None:
    """Write tables, figures and pages again from what is there."""
    from trimformer.report import write_pages

    page = write_pages(folder)
    if json:
        print_json({"report": str(page)})
        return
    say(f"Report: {page.resolve()}")
