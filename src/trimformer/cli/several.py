"""Of several processes that were started together, one speaks: the others are heard only where they alone fail."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from trimformer.processes.launch import read_launch
from trimformer.records.errors import UserError

TOGETHER = ("train", "compress", "evaluate", "inspect")
"""Commands that share their work out."""


@contextmanager
def one_voice() -> Iterator[None]:
    """Silence every process but the first, whatever speaks in it."""
    if not _is_another():
        yield
        return
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


@contextmanager
def working_together(arguments: list[str]) -> Iterator[None]:
    """Join the processes that torchrun or srun started with this one, where there are any.

    Raises:
        UserError: The command is one that a single process does.
    """
    launch = read_launch(os.environ)
    command = next((word for word in arguments if not word.startswith("-")), "")
    if launch.num_processes == 1 or not command:
        yield
        return
    if command not in TOGETHER:
        raise UserError(
            f"Several processes share the work of {', '.join(TOGETHER)}",
            f"{command} in {launch.num_processes} processes",
            "Start it once, without torchrun or srun.",
        )
    from trimformer.processes.group import joined

    with joined():
        yield


@contextmanager
def told_once(message: str) -> Iterator[None]:
    """Let what is printed be seen, unless another process tells the same."""
    if not _tells(message):
        with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):
            yield
    elif _is_another():
        with redirect_stderr(sys.__stderr__):
            yield
    else:
        yield


def _is_another() -> bool:
    try:
        return read_launch(os.environ).rank > 0
    except UserError:
        return False  # is told where the processes are to be joined


def _tells(message: str) -> bool:
    if "torch" not in sys.modules:  # nobody has joined anything
        return not _is_another()
    from trimformer.processes.group import tells

    return tells(message)
