"""Writes the history while a training runs."""

import time
from pathlib import Path

import lightning as L

from trimformer.records.history import COLUMNS, read_history, write_history


class HistoryWriter(L.Callback):
    """Writes the history after every epoch; rows that a resumed run trains again are replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begin = 0.0
        self._learning_rate = 0.0

    def on_train_epoch_start(self, trainer: L.Trainer, *_: object) -> None:
        """Start the clock, and keep the learning rate of the first step."""
        self._begin = time.perf_counter()
        self._learning_rate = trainer.optimizers[0].param_groups[0]["lr"]

    def on_train_epoch_end(self, trainer: L.Trainer, *_: object) -> None:
        """Add the epoch's row."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items() if name in COLUMNS}
        seconds = round(time.perf_counter() - self._begin, 3)
        epoch = float(trainer.current_epoch)
        row = {"epoch": epoch, **metrics, "learning_rate": self._learning_rate, "seconds": seconds}
        write_history(self._path, [*self._rows_before(trainer.current_epoch), row])

    def _rows_before(self, epoch: int) -> list[dict[str, float]]:
        if not self._path.exists():
            return []
        columns = read_history(self._path)
        rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        return [row for row in rows if row["epoch"] < epoch]
