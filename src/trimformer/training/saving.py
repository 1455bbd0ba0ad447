"""What a run goes on from, and when it is written."""

import math
import os
import shutil
import time
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import Tensor

from trimformer.processes.group import mean_over_processes
from trimformer.records.files import write_whole
from trimformer.training.batches import TrainingBatches


class CheckpointWriter(Checkpoint):
    """Writes `last.ckpt` after every epoch and at SIGTERM; `best.ckpt` is that of the best epoch.

    `last.ckpt` says which epoch is the best, and `best.ckpt` is a second name of the file that was the last one then,
    given once that file is whole. A kill between the two is mended when the run goes on.

    Args:
        folder: Of the checkpoints.
        batches: Of the training; how many of the epoch were given is kept.
        minutes: Write `last.ckpt` inside an epoch too, when so many have passed since it was written; None: do not.

    Raises:
        NotWritableError: The disk is full; the checkpoints are as they were.
    """

    def __init__(self, folder: Path, batches: TrainingBatches, minutes: float | None = None) -> None:
        super().__init__()
        self._batches = batches
        self._last, self._best = folder / "last.ckpt", folder / "best.ckpt"
        self._seconds = math.inf if minutes is None else 60 * minutes
        self._best_epoch, self._best_dice = -1, -math.inf
        self._gradients: dict[str, Tensor] = {}
        self._written = time.monotonic()
        self._step = -1  # that the last checkpoint was written at

    def state_dict(self) -> dict[str, Any]:
        """The best epoch so far, and the place in this one.

        Lightning would restore that place too, but not where a schedule has asked for the number of steps before.
        """
        place = self._batches.state_dict()
        return {"best_epoch": self._best_epoch, "best_dice": self._best_dice, "batches": place}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the best epoch so far, behind the batches that were given."""
        self._batches.load_state_dict(state_dict["batches"])
        self._best_epoch, self._best_dice = state_dict["best_epoch"], state_dict["best_dice"]

    def on_load_checkpoint(self, trainer: L.Trainer, _: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Name the best one again where a kill came between."""
        if trainer.is_global_zero and checkpoint["callbacks"][self.state_key]["best_epoch"] == checkpoint["epoch"]:
            _name_again(self._last, self._best)
        self._gradients = checkpoint.get("gradients", {})

    def on_train_start(self, _: L.Trainer, pl_module: L.LightningModule) -> None:
        """Put back the gradients that wait for the other batches of their step."""
        for name, gradient in self._gradients.items():
            parameter = pl_module.get_parameter(name)
            parameter.grad = gradient.to(parameter.device)
        self._gradients = {}

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Keep the gradients that were added up for the next step, where it is not taken yet."""
        if _is_inside_step(trainer):
            named = pl_module.named_parameters()
            checkpoint["gradients"] = {
                name: mean_over_processes(tensor.grad) for name, tensor in named if tensor.grad is not None
            }

    def on_train_batch_end(self, trainer: L.Trainer, *arguments: Any) -> None:
        """Write inside an epoch where it is time, but not between the batches of one step."""
        is_last = arguments[-1] + 1 == trainer.num_training_batches  # an epoch's end writes by itself
        if self._seconds == math.inf or is_last or _is_inside_step(trainer):
            return
        if trainer.strategy.broadcast(time.monotonic() - self._written >= self._seconds):
            self._write(trainer)

    def on_train_epoch_end(self, trainer: L.Trainer, _: L.LightningModule) -> None:
        """Write, and name the file twice where the epoch is the best so far."""
        dice = float(trainer.callback_metrics["selection_dice"])
        is_best = dice > self._best_dice
        if is_best:
            self._best_epoch, self._best_dice = trainer.current_epoch, dice
        self._write(trainer)
        if is_best and trainer.is_global_zero:
            _name_again(self._last, self._best)

    def on_exception(self, trainer: L.Trainer, _: L.LightningModule, exception: BaseException) -> None:
        """Write at SIGTERM, when Lightning has ended the step; whatever else happens leaves the last checkpoint."""
        if not isinstance(exception, SIGTERMException) or self._step == trainer.fit_loop.total_batch_idx:
            return
        if trainer.validating:
            _validate_from_the_start(trainer)
        self._write(trainer)

    def _write(self, trainer: L.Trainer) -> None:
        trainer.save_checkpoint(self._last)
        self._step, self._written = trainer.fit_loop.total_batch_idx, time.monotonic()


def _is_inside_step(trainer: L.Trainer) -> bool:
    done = trainer.fit_loop.batch_idx + 1
    return bool(done % trainer.accumulate_grad_batches and done != trainer.num_training_batches)


def _validate_from_the_start(trainer: L.Trainer) -> None:
    """Let Lightning, when it goes on, evaluate the selection patients again: what was summed up is not kept."""
    progress = trainer.fit_loop.epoch_loop.val_loop.batch_progress
    progress.reset()
    progress.increment_ready()
    progress.increment_started()


def _name_again(path: Path, name: Path) -> None:
    """A second name of a file; a copy where the file system knows one name alone."""
    write_whole(name, lambda temporary: _link(path, temporary))


def _link(path: Path, name: Path) -> None:
    try:
        os.link(path, name)
    except OSError:
        shutil.copyfile(path, name)
