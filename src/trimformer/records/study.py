"""A study file: a base experiment, and tables of runs that change it."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimformer.records.errors import UserError
from trimformer.records.files import read_text

NEXT_STEP = "docs/studies.md shows how a study is written."


@dataclass(frozen=True)
class RunTable:
    """One `[[run]]` table: its number in the file, from 1; its name, if it has one; the settings that it changes."""

    number: int
    name: str | None
    changes: dict[str, Any]


@dataclass(frozen=True)
class StudyFile:
    """What stands in a study file; `base` is the document of an experiment without its name."""

    path: Path
    name: str
    base: dict[str, Any]
    tables: tuple[RunTable, ...]

    def place(self, table: RunTable) -> str:
        """Where a table stands, for messages."""
        return f"[[run]] {table.number} of {self.path}"


def read_study(path: Path) -> StudyFile:
    """Read a study file; the settings themselves are checked where the runs are made of them.

    Raises:
        UserError: The file is missing or no TOML, or it has no `[[run]]` tables.
    """
    text = read_text(path, "Give the path of a study file.")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError("A study file must be TOML", f"{path}: {error}", "Mend that line.") from None
    tables = document.pop("run", None)
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        found = f"none in {path}" if tables is None else f"run = {tables!r} in {path}"
        raise UserError("A study file has one or more [[run]] tables", found, NEXT_STEP)
    name = _name(document, str(path)) or path.stem
    numbered = enumerate(tables, start=1)
    made = tuple(RunTable(number, _name(table, f"[[run]] {number} of {path}"), table) for number, table in numbered)
    return StudyFile(path, name, document, made)


def _name(table: dict[str, Any], place: str) -> str | None:
    """The table's own name, taken out of it."""
    name = table.pop("name", None)
    if name is not None and not isinstance(name, str):
        raise UserError("A name is one word", f"name = {name!r} in {place}", "The runs' names follow from it.")
    return name
