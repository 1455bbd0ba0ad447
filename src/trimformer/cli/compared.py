"""A comparison on the terminal: the few columns that fit, what must be known to read them, and the finding."""

from pathlib import Path
from typing import TYPE_CHECKING

from trimformer.cli.terminal import print_table, say

if TYPE_CHECKING:
    from trimformer.report.tables.table import Table

TWO_LINES = "Mean Dice"
"""The column whose smaller line, the interval, is printed as well; the others' stand in the files."""


def print_comparison(folder: Path) -> None:
    """Print the models of a comparison, beside the paper's where it has them; the other tables stand in the files."""
    from trimformer.report.remarks import missing_controls
    from trimformer.report.sources import read_figures
    from trimformer.report.tables.models import summary_table
    from trimformer.report.tables.paper import paper_tables
    from trimformer.report.words import headline

    sources = read_figures(folder)
    summary, paper = summary_table(sources.results), paper_tables(sources)
    _print_by_row(summary)
    for table in paper:
        _print_by_column(table)
    notes = [note for table in (summary, *paper) for note in table.notes]
    for remark in dict.fromkeys([*notes, missing_controls(sources.results)]):
        if remark:
            say(remark)
    say(headline(sources.results))


def _print_by_row(table: "Table") -> None:
    shown = [title == TWO_LINES for title in table.titles]
    rows = [
        [f"{cell.text}\n{cell.note}" if noted else cell.text for cell, noted in zip(row, shown, strict=True)]
        for row in table.rows
    ]
    print_table(table.title, table.titles, rows)


def _print_by_column(table: "Table") -> None:
    """A model a column: nine classes would not fit side by side."""
    cells = [[f"{cell.text}\n{cell.note}" if cell.note else cell.text for cell in row] for row in table.rows]
    names, *figures = zip(table.titles, *cells, strict=True)
    print_table(table.title, names, figures)
