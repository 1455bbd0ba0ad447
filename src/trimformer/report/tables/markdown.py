"""Tables as Markdown that GitHub, GitLab and pandoc read."""

from collections.abc import Iterable, Sequence

from trimformer.report.tables.table import Table


def to_markdown(tables: Iterable[Table]) -> str:
    """A heading, its notes and the rows of each table, smaller lines in brackets."""
    return "\n".join(_section(table) for table in tables)


def _section(table: Table) -> str:
    notes = "".join(f"{_safe(note)}\n\n" for note in table.notes)
    rule = ["---", *["--:"] * (len(table.titles) - 1)]
    lines = [table.titles, rule, *([str(cell) for cell in row] for row in table.rows)]
    return f"## {_safe(table.title)}\n\n{notes}{''.join(map(_line, lines))}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_safe, cells))} |\n"


def _safe(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
