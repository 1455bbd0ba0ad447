"""A training ends where its loss is no number any more, and says which slices it had before it."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import lightning as L
import torch
from torch import Tensor

from trimformer.data.training_set import SliceDataset
from trimformer.records.errors import UserError
from trimformer.training.batches import TrainingBatches

BATCHES_ON_GPU = 16
"""How many batches are looked at together on a GPU, which has to be waited for."""


class FiniteLoss(L.Callback):
    """Stops a training at a loss that is infinite or no number, before such weights get into a checkpoint.

    Args:
        slices: What the training draws from.
        batches: Its batches.

    Raises:
        UserError: Names the step, the patients and the slices.
    """

    def __init__(self, slices: SliceDataset, batches: TrainingBatches) -> None:
        self._slices = slices
        self._batches = batches
        self._losses: list[Tensor] = []  # of the batches that were not looked at yet; the last is the latest

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, _: Any, batch_index: int
    ) -> None:
        """Look at the loss, on a GPU at those of some batches together."""
        self._losses.append(outputs["train_loss"])
        if pl_module.device.type == "cpu" or len(self._losses) == BATCHES_ON_GPU:
            self._look(trainer, batch_index)

    def on_validation_start(self, trainer: L.Trainer, _: L.LightningModule) -> None:
        """Look at what is left of the epoch."""
        self._look(trainer, trainer.fit_loop.batch_idx)

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, _: dict[str, Any]) -> None:
        """Let no weights into a checkpoint that are no numbers: a finite loss may have had an infinite gradient."""
        latest = trainer.fit_loop.batch_idx
        self._look(trainer, latest)
        if not all(bool(parameter.isfinite().all()) for parameter in pl_module.parameters()):
            raise self._error("weights that are not finite after", trainer, latest)

    def _look(self, trainer: L.Trainer, latest: int) -> None:
        losses = torch.stack(self._losses).tolist() if self._losses else []
        self._losses.clear()
        for batch_index, loss in enumerate(losses, latest + 1 - len(losses)):
            if not torch.isfinite(torch.tensor(loss)):
                raise self._error(f"a loss of {loss} at", trainer, batch_index)

    def _error(self, found: str, trainer: L.Trainer, batch_index: int) -> UserError:
        step = trainer.current_epoch * len(self._batches) + batch_index + 1
        where = f"step {step} (epoch {trainer.current_epoch}, batch {batch_index})"
        slices = self._named(self._batches.draws_of(batch_index))
        return UserError(
            "Losses and weights stay finite",
            f"{found} {where}, which had {slices}",
            "Look at those slices, or train with a lower training.learning_rate or training.precision=32 in a new"
            " folder; the last checkpoint is as it was.",
        )

    def _named(self, draws: Iterable[int]) -> str:
        by_patient: dict[str, list[int]] = defaultdict(list)
        for patient_id, place in map(self._slices.origin, draws):
            by_patient[patient_id].append(place)
        named = (
            f"{patient_id}: {', '.join(map(str, sorted(by_patient[patient_id])))}" for patient_id in sorted(by_patient)
        )
        return f"the slices (from 0) of {'; '.join(named)}"
