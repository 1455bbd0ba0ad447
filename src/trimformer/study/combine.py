"""From the tables of a study file to the documents of its runs, each with a name."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel

from trimformer.records.errors import UserError
from trimformer.records.experiment import Experiment
from trimformer.records.study import RunTable, StudyFile

STUDY_LINK = "study:"
"""Begins a value that names another run of the same study."""

ALTERNATIVES = {"name": "target", "target": "name"}
"""A model has one of the two: a run table that gives one takes the other away from the base."""


@dataclass(frozen=True)
class StudyRun:
    """One run as the file says it, before any setting is checked.

    `table` is the name of its `[[run]]` table, `varied` holds the settings (by dotted key) that differ between the
    runs of that table, `document` is that of its experiment, and `place` is where it stands, for messages.
    """

    name: str
    table: str
    varied: dict[str, Any]
    document: dict[str, Any]
    place: str

    @property
    def row(self) -> str:
        """What the runs that differ from this one in their seed alone are called together."""
        return _run_name(self.table, {key: value for key, value in self.varied.items() if key != "seed"})


def combine(study: StudyFile) -> tuple[StudyRun, ...]:
    """Every run of a study in the order of the file: all combinations of the lists of a table, the last the fastest.

    Raises:
        UserError: A list to combine is empty, or two runs have one name.
    """
    runs = tuple(run for table in study.tables for run in _runs_of(table, study))
    counts = Counter(run.name.lower() for run in runs)
    twice = [run for run in runs if counts[run.name.lower()] > 1]
    if twice:
        raise UserError(
            "Every run of a study has a name of its own",
            f"{twice[0].name} in {twice[0].place} and {twice[1].place}",
            "Give the tables different names, and no value twice.",
        )
    return runs


def _runs_of(table: RunTable, study: StudyFile) -> Iterator[StudyRun]:
    merged = _merged(study.base, table.changes)
    name = table.name or _name_of_model(merged) or study.name
    lists = dict(_lists_to_combine(merged, Experiment))
    empty = [key for key, values in lists.items() if not values]
    if empty:
        raise UserError("A list to combine holds values", f"{empty[0]} = [] in {study.place(table)}", "Give some.")
    for values in product(*lists.values()):
        varied = dict(zip(lists, values, strict=True))
        document = deepcopy(merged)
        for key, value in varied.items():
            _put(document, key, value)
        full_name = _run_name(name, varied)
        yield StudyRun(full_name, name, varied, document | {"name": full_name}, study.place(table))


def _name_of_model(document: dict[str, Any]) -> str | None:
    """None where it is a list: then each run says its own."""
    name = document.get("model", {}).get("name", "unetr")
    return None if isinstance(name, list) else str(name)


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The base with a table's changes; the table's own keys come first, so that its lists name the runs first."""
    kept = {key: value for key, value in base.items() if ALTERNATIVES.get(key) not in changes}
    merged = {
        key: _merged(kept[key], value) if isinstance(value, dict) and isinstance(kept.get(key), dict) else value
        for key, value in changes.items()
    }
    return merged | {key: value for key, value in kept.items() if key not in merged}


def _lists_to_combine(
    document: dict[str, Any], settings: type[BaseModel], prefix: str = ""
) -> Iterator[tuple[str, list[Any]]]:
    """Settings by dotted key that are given a list where they take one value, or lists where they take one list."""
    for key, value in document.items():
        field = settings.model_fields.get(key)
        section = field and _section(field.annotation)
        if section and isinstance(value, dict):
            yield from _lists_to_combine(value, section, f"{prefix}{key}.")
        elif field and isinstance(value, list) and (not _takes_a_list(field.annotation) or _holds_lists(value)):
            yield f"{prefix}{key}", value


def _section(annotation: Any) -> type[BaseModel] | None:
    kinds = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
    return next((kind for kind in kinds if issubclass(kind, BaseModel)), None)


def _takes_a_list(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin in (tuple, list):
        return True
    inner = get_args(annotation)[:1] if origin is Annotated else get_args(annotation)
    return any(_takes_a_list(kind) for kind in inner)


def _holds_lists(values: list[Any]) -> bool:
    return bool(values) and all(isinstance(value, list) for value in values)


def _put(document: dict[str, Any], key: str, value: Any) -> None:
    *sections, last = key.split(".")
    for section in sections:
        document = document[section]
    document[last] = value


def _run_name(table: str, varied: dict[str, Any]) -> str:
    return "-".join([table, *(_part(key, value) for key, value in varied.items())])


def _part(key: str, value: Any) -> str:
    """Words and numbers of blocks speak for themselves; any other value stands behind its setting's name."""
    if isinstance(value, str):
        return _plain(Path(value.removeprefix(STUDY_LINK)).name)
    text = _plain(_words(value) if isinstance(value, list) else str(value))
    return text if key == "model.num_blocks" else f"{key.rpartition('.')[2]}{text}"


def _words(values: Iterable[Any]) -> str:
    return "-".join(map(str, values))


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-") or "none"
