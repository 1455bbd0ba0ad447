"""`history.csv`: one row an epoch."""

import csv
import io
import time
from pathlib import Path

import lightning as L

from trimformer.records.files import read_text, write_text

COLUMNS = ("epoch", "train_loss", "selection_loss", "selection_dice", "seconds")


class HistoryWriter(L.Callback):
    """Writes the history after every epoch; rows that a resumed run trains again are replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begin = 0.0

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Start the clock."""
        self._begin = time.perf_counter()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Add the epoch's row."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items() if name in COLUMNS}
        row = {"epoch": trainer.current_epoch, **metrics, "seconds": round(time.perf_counter() - self._begin, 3)}
        earlier = [row for row in read_history(self._path) if int(row["epoch"]) < trainer.current_epoch]
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows([*earlier, row])
        write_text(self._path, buffer.getvalue())


def read_history(path: Path) -> list[dict[str, str]]:
    """The rows written so far; none where there is no file yet."""
    if not path.exists():
        return []
    return list(csv.DictReader(io.StringIO(read_text(path, "Delete it to train again from the start."))))
