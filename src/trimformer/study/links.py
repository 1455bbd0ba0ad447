"""Runs that begin from another run of the same study, or learn from it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from trimformer.records.errors import UserError
from trimformer.study.combine import STUDY_LINK, StudyRun

LINKS = (("model", "weights"), ("distillation", "teacher"))
"""Settings that may name a run of the study."""


def needed_runs(run: StudyRun, runs: Sequence[StudyRun]) -> tuple[str, ...]:
    """The runs that must be there before this one can begin.

    Raises:
        UserError: It names a run that the study does not have, or several at once.
    """
    found = [_linked(run, link, runs).name for _, _, link in _links(run)]
    return tuple(dict.fromkeys(found))


def with_folders(run: StudyRun, runs: Sequence[StudyRun], folder: Path) -> StudyRun:
    """The run with each name of another one replaced by that one's folder, which lies in `folder`."""
    document = run.document
    for section, key, link in _links(run):
        path = str((folder / _linked(run, link, runs).name).absolute())
        document = document | {section: document[section] | {key: path}}
    return replace(run, document=document)


def order_of_need(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """The names so ordered that whatever a run needs comes before it; otherwise as they were.

    A need without needs of its own need not be among the keys.

    Raises:
        UserError: Runs need each other in a circle.
    """
    try:
        tuple(TopologicalSorter(needs).static_order())
    except CycleError as error:
        circle = " needs ".join(reversed(error.args[1]))
        raise UserError("A run begins after those that it needs", circle, "Break that circle.") from None
    ordered: dict[str, None] = {}
    for name in needs:
        _add_after_needs(name, needs, ordered)
    return list(ordered)


def _add_after_needs(name: str, needs: Mapping[str, Sequence[str]], ordered: dict[str, None]) -> None:
    for need in needs.get(name, ()):
        _add_after_needs(need, needs, ordered)
    ordered[name] = None


def _links(run: StudyRun) -> list[tuple[str, str, str]]:
    """Section, key and the name that stands there, for each setting that names a run of the study."""
    found = []
    for section, key in LINKS:
        table = run.document.get(section)
        value = table.get(key) if isinstance(table, dict) else None
        if isinstance(value, str) and value.startswith(STUDY_LINK):
            found.append((section, key, value.removeprefix(STUDY_LINK)))
    return found


def _linked(run: StudyRun, link: str, runs: Sequence[StudyRun]) -> StudyRun:
    """The run of that name, or the one of the same seed of that row, or the one of the same values of that table."""
    by_name = [one for one in runs if one.name == link]
    of_row = [one for one in runs if one.row == link and _same_values(one, run, {"seed"})]
    of_table = [one for one in runs if one.table == link and _same_values(one, run, set(one.varied))]
    found = by_name or of_row or of_table
    if len(found) != 1:
        close = [one.name for one in runs if link in (one.row, one.table)]
        known = f"one of its seed and settings: {link} has {', '.join(close)}" if close else f"no run {link}"
        raise UserError(
            f'"{STUDY_LINK}NAME" names one run of the study: by its name, or by its table\'s with the same settings',
            f"{run.name} names {STUDY_LINK}{link}, and there is {'not ' if close else ''}{known}",
            f"Runs: {', '.join(one.name for one in runs)}.",
        )
    return found[0]


def _same_values(one: StudyRun, other: StudyRun, keys: set[str]) -> bool:
    return all(value == _value(other.document, key) for key, value in one.varied.items() if key in keys)


def _value(document: dict[str, Any], key: str) -> Any:
    """What a document says of a setting; a seed that is left out is 0."""
    found: Any = document
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return 0 if found is None and key == "seed" else found
