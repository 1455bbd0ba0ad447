"""`trimformer demo`."""

from pathlib import Path
from typing import Annotated

import typer

from trimformer.cli.terminal import JsonOption, print_json, progress_bars, say


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the runs and the report.")] = Path("trimformer-demo"),
    fast: Annotated[bool, typer.Option("--fast", help="The same path in a minute or two, for a quick look.")] = False,
    json: JsonOption = False,
) -> None:
    """Tell the whole story on the built-in brains, ending in report.html."""
    from trimformer.report.words import certainty, headline
    from trimformer.story.demo import run_demo

    with progress_bars(shown=not json) as progress:
        results = run_demo(out, fast=fast, progress=progress)
    if json:
        print_json(results.model_dump(mode="json"))
        return
    say(f"\n{headline(results)}\n{certainty(results)}\n\nReport: {(out / 'report.html').resolve()}")
