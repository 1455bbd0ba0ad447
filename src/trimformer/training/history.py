"""Writes the history while a training runs."""

import time
from pathlib import Path
from typing import Any

import lightning as L

from trimformer.records.history import COLUMNS, read_history, write_history


class HistoryWriter(L.Callback):
    """Writes the history after every epoch; rows that a resumed run trains again are replaced.

    It is written before the checkpoint of the same epoch, so that a run which goes on from there misses no row.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begin = 0.0
        self._learning_rate = 0.0
        self._seconds = 0.0  # that the epoch had taken when it was interrupted

    def state_dict(self) -> dict[str, Any]:
        """What the epoch took until now, and its learning rate."""
        return {"seconds": time.perf_counter() - self._begin, "learning_rate": self._learning_rate}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting."""
        self._seconds, self._learning_rate = state_dict["seconds"], state_dict["learning_rate"]

    def on_train_start(self, *_: object) -> None:
        """Start the clock of an epoch that goes on."""
        self._begin = time.perf_counter() - self._seconds

    def on_train_epoch_start(self, trainer: L.Trainer, *_: object) -> None:
        """Start the clock of an epoch that begins, and keep the learning rate of its first step."""
        self._begin = time.perf_counter()
        self._learning_rate = trainer.optimizers[0].param_groups[0]["lr"]

    def on_train_epoch_end(self, trainer: L.Trainer, *_: object) -> None:
        """Add the epoch's row."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items() if name in COLUMNS}
        seconds = round(time.perf_counter() - self._begin, 3)
        epoch = float(trainer.current_epoch)
        row = {"epoch": epoch, **metrics, "learning_rate": self._learning_rate, "seconds": seconds}
        if trainer.is_global_zero:
            write_history(self._path, [*self._rows_before(trainer.current_epoch), row])

    def _rows_before(self, epoch: int) -> list[dict[str, float]]:
        if not self._path.exists():
            return []
        columns = read_history(self._path)
        rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        return [row for row in rows if row["epoch"] < epoch]
