"""The files that a paper's author takes along: `tables/models` and `tables/paper`, as Markdown, CSV and LaTeX."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from trimformer.records.files import write_text
from trimformer.report.sources import Sources
from trimformer.report.tables.flat import to_csv
from trimformer.report.tables.latex import to_latex
from trimformer.report.tables.markdown import to_markdown
from trimformer.report.tables.models import model_tables
from trimformer.report.tables.paper import paper_tables
from trimformer.report.tables.paper_flat import paper_csv
from trimformer.report.tables.table import Table


def write_tables(folder: Path, comparisons: Sequence[Sources]) -> None:
    """Write the tables of one comparison or of several; those of the paper only where its data are among them.

    Raises:
        NotWritableError: The folder cannot be written.
    """
    models = [table for sources in comparisons for table in _named(sources, several=len(comparisons) > 1)]
    paper = [table for sources in comparisons for table in paper_tables(sources)]
    _write(folder / "tables" / "models", models, to_csv([sources.results for sources in comparisons]))
    if paper:
        _write(folder / "tables" / "paper", paper, paper_csv(comparisons))


def _named(sources: Sources, several: bool) -> list[Table]:
    """The tables of a comparison, told apart by the dataset where there are several."""
    tables = model_tables(sources.results)
    if not several:
        return tables
    return [replace(table, title=f"{table.title}, {sources.results.dataset}") for table in tables]


def _write(path: Path, tables: Sequence[Table], csv: str) -> None:
    write_text(path.with_suffix(".md"), to_markdown(tables))
    write_text(path.with_suffix(".csv"), csv)
    write_text(path.with_suffix(".tex"), to_latex(tables))
