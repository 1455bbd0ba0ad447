"""What all commands say in the same way: errors, progress, JSON, tables."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trimformer.records.progress import Progress, silent

if TYPE_CHECKING:
    from rich.console import Console

NO_SCREEN = 1000
"""Columns of a file or pipe: more than any table has, so that no cell is folded."""

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def complain(rule: str, found: str, next_step: str) -> None:
    """Print one message about an error to standard error."""
    typer.secho(f"Error: {rule}.", fg="red", bold=True, err=True)
    typer.echo(f"  found: {found}\n  next:  {next_step}", err=True)


def say(message: str) -> None:
    """Print a line for people."""
    typer.echo(message)


def print_json(document: Any) -> None:
    """Print one JSON document to standard output."""
    sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table, numbers aligned to the right: as wide as the terminal, or in a file or pipe as wide as it is."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    has_width = sys.stdout.isatty() or "COLUMNS" in os.environ
    Console(width=None if has_width else NO_SCREEN).print(table)


def scaled(count: int) -> str:
    """A large count in thousands of millions or millions.

    Example:
        >>> scaled(29_189_603_328)
        '29.19 G'
    """
    for unit, name in ((1e9, "G"), (1e6, "M")):
        if count >= unit:
            return f"{count / unit:.2f} {name}"
    return str(count) if count else "-"


def duration(seconds: float) -> str:
    """A time in its largest whole unit.

    Example:
        >>> duration(5400.0)
        '1.5 h'
    """
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.1f} s"


@cache
def error_console() -> "Console":
    """Standard error, on which everything live is drawn: of several drawings Rich puts one below the other there."""
    from rich.console import Console

    return Console(stderr=True)


@contextmanager
def progress_bars(shown: bool) -> Iterator[Progress]:
    """Progress bars on standard error, one a task; silent where they are not wanted."""
    if not shown:
        yield silent
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, TimeRemainingColumn(), console=error_console()) as bars:
        tasks: dict[str, Any] = {}

        def show(task: str, done: int, total: int) -> None:
            if task not in tasks or done < bars.tasks[tasks[task]].completed:
                tasks[task] = bars.add_task(task, total=total)
            bars.update(tasks[task], completed=done, total=total)

        yield show
