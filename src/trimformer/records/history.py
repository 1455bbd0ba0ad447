"""`history.csv`: one row an epoch."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from trimformer.records.errors import UserError
from trimformer.records.files import read_text, write_text

COLUMNS = ("epoch", "train_loss", "selection_loss", "selection_dice", "learning_rate", "seconds")
"""The learning rate is that of the epoch's first step."""


def write_history(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write one row an epoch, with the columns `COLUMNS`."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "epoch": int(row["epoch"])} for row in rows)
    write_text(path, buffer.getvalue())


def read_history(path: Path) -> dict[str, np.ndarray]:
    """Read the history as one array a column, shape (epochs,); an empty cell is NaN.

    So is the learning rate in histories of versions that did not write it.

    Raises:
        UserError: The file is missing, a column is missing or a cell is no number.
    """
    rows = list(csv.DictReader(io.StringIO(read_text(path, "Train that run again."))))
    for row in rows:
        row.setdefault("learning_rate", "")
    try:
        return {name: np.array([float(row[name] or "nan") for row in rows]) for name in COLUMNS}
    except (KeyError, TypeError, ValueError) as error:
        rule = f"A history has numbers in the columns {', '.join(COLUMNS)}"
        raise UserError(rule, f"{path}: {error}", "Train that run again.") from None
