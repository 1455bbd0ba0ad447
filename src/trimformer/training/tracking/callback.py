"""Tells the stores of every epoch while a training runs."""

import lightning as L

from trimformer.records.experiment import Experiment
from trimformer.records.run_folder import RunFolder
from trimformer.training.tracking.mirror import Mirror
from trimformer.training.tracking.mirrors import mirrors_of
from trimformer.training.tracking.store import Status


class Tracking(L.Callback):
    """Brings every store up to date after each epoch, from the history that was written just before."""

    def __init__(self, run: RunFolder, experiment: Experiment) -> None:
        self._mirrors = mirrors_of(run, experiment)

    def on_train_start(self, trainer: L.Trainer, *_: object) -> None:
        """Send what the run was made with."""
        for mirror in self._of(trainer):
            mirror.update()

    def on_train_epoch_end(self, trainer: L.Trainer, *_: object) -> None:
        """Send the epoch."""
        for mirror in self._of(trainer):
            mirror.update()

    def on_fit_end(self, trainer: L.Trainer, *_: object) -> None:
        """Say that the training has ended."""
        self._end(trainer, "FINISHED")

    def on_exception(self, trainer: L.Trainer, *_: object) -> None:
        """Say that the training has stopped."""
        self._end(trainer, "FAILED")

    def _end(self, trainer: L.Trainer, status: Status) -> None:
        for mirror in self._of(trainer):
            mirror.end(status)

    def _of(self, trainer: L.Trainer) -> list[Mirror]:
        return self._mirrors if trainer.is_global_zero else []
