"""A table as text, before anyone decides whether it becomes Markdown, LaTeX, a page or lines on a terminal."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Row = TypeVar("Row")

NONE = "–"
"""What a cell says where there is no figure."""


@dataclass(frozen=True)
class Cell:
    """What a cell says, and the smaller line beneath it."""

    text: str
    note: str = ""

    def __str__(self) -> str:
        return f"{self.text} ({self.note})" if self.note else self.text


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column: its title, a plain explanation, and the cell it makes of a row."""

    title: str
    explanation: str
    cell: Callable[[Row], Cell]


@dataclass(frozen=True)
class Table:
    """Cells under titles, with what each column means and what must be known to read the whole."""

    name: str
    """A short word that no other table beside it has."""
    title: str
    titles: tuple[str, ...]
    explanations: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()


def make_table(
    name: str, title: str, columns: Sequence[Column[Row]], rows: Iterable[Row], notes: Sequence[str] = ()
) -> Table:
    """Let every column make its cell of every row."""
    return Table(
        name=name,
        title=title,
        titles=tuple(column.title for column in columns),
        explanations=tuple(column.explanation for column in columns),
        rows=tuple(tuple(column.cell(row) for column in columns) for row in rows),
        notes=tuple(notes),
    )


def meanings(tables: Iterable[Table]) -> list[tuple[str, str]]:
    """Each explanation once, with the titles of the columns that share it."""
    titles: dict[str, list[str]] = {}
    for table in tables:
        for title, explanation in zip(table.titles, table.explanations, strict=True):
            known = titles.setdefault(explanation, [])
            known.extend([title] if title not in known else [])
    return [(", ".join(shared), explanation) for explanation, shared in titles.items()]
