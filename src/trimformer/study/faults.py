"""Mistakes in the runs of a study, gathered so that all are told at once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from trimformer.records.errors import UserError
from trimformer.records.words import some_of


@dataclass(frozen=True)
class Fault:
    """Why one run cannot be."""

    run: str
    error: UserError


@contextmanager
def noting(faults: list[Fault], run: str) -> Iterator[None]:
    """Add a mistake that shows inside to the faults, and go on behind."""
    try:
        yield
    except UserError as error:
        faults.append(Fault(run, error))


def refuse(faults: Sequence[Fault]) -> None:
    """Do nothing if there are none.

    Raises:
        UserError: Names every fault once, with the runs that have it.
    """
    shared: dict[str, list[Fault]] = {}
    for fault in faults:
        shared.setdefault(str(fault.error), []).append(fault)
    if len(shared) == 1:
        (alike,) = shared.values()
        error = alike[0].error
        raise UserError(error.rule, f"{error.found}, in {_names(alike)}", error.next_step)
    if shared:
        lines = [f"{_names(alike)}: {words}" for words, alike in shared.items()]
        raise UserError(
            "A study begins when every one of its runs can be",
            "\n    ".join([f"{len(lines)} faults", *lines]),
            "Mend them; nothing has run.",
        )


def _names(faults: Sequence[Fault]) -> str:
    return some_of(list(dict.fromkeys(fault.run for fault in faults)))
