"""Tells every training step to whoever draws the progress."""

from typing import Any

import lightning as L

from trimformer.records.progress import Progress


class StepReporter(L.Callback):
    """Calls the progress function after every step, a resumed run's earlier steps included."""

    def __init__(self, name: str, progress: Progress) -> None:
        self._name = name
        self._progress = progress

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        """One more step is done."""
        self._progress(f"training {self._name}", trainer.global_step, int(trainer.estimated_stepping_batches))
