"""What Lightning trains: a segmentation model, its loss and its optimiser."""

import random
from collections.abc import Sequence
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor, nn

from trimformer.processes.group import rank, summed
from trimformer.records.settings import TrainingSettings
from trimformer.training.batch_norm import freeze_statistics
from trimformer.training.distillation import Distillation
from trimformer.training.loss import dice_cross_entropy
from trimformer.training.optimizer import create_optimizer
from trimformer.training.schedules import learning_rate_schedule, needs_schedule
from trimformer.training.shares import BatchesInTurn
from trimformer.training.written_out import write_out_attention

Sample = Sequence[Tensor]
"""Images (batch, 1, rows, columns) and labels (batch, rows, columns)."""

RANK_SEEDS = (1 << 40) + 1_000_003_000_017
"""How far apart the seeds of dropout in two processes are; the first has those of a training in one process."""


class SegmentationTask(L.LightningModule):
    """A model under the protocol of one experiment.

    The selection patients' Dice that is logged after every epoch is the mean over classes of the Dice over all their
    slices together, on the model's grid: cheap, and used for nothing but picking the best epoch. A teacher, where there
    is one, has its part in the training loss alone. Where several processes train, every one logs the same numbers:
    those of all slices.
    """

    def __init__(
        self,
        model: nn.Module,
        settings: TrainingSettings,
        seed: int,
        distillation: Distillation | None = None,
    ) -> None:
        super().__init__()
        self.model = model.to(memory_format=torch.channels_last)  # the layout in which convolutions are fastest
        self._settings = settings
        self._seed = seed
        self._distillation = distillation
        self._overlap: list[Tensor] = []
        self._selection_loss: list[Tensor] = []

    def on_fit_start(self) -> None:
        """The device and the number format are known by now."""
        write_out_attention(self.model, self.device, self.trainer.precision)

    def on_train_epoch_start(self) -> None:
        """Whoever called `train()` on the model has set its BatchNorm free."""
        if self._settings.batch_norm == "frozen":
            freeze_statistics(self.model)

    def training_step(self, batch: Sample, batch_index: int) -> dict[str, Tensor]:
        """The loss of one batch; its dropout depends on seed and batch alone, so a resumed run draws the same."""
        batches = int(self.trainer.num_training_batches)
        drawn = self.current_epoch * batches + batch_index
        seed_everywhere(self._seed * 1_000_003 + drawn + rank() * RANK_SEEDS)
        images, labels = channels_last(batch)
        if self._distillation is None:
            loss = self._labels_loss(self.model(images), labels)
        else:
            loss = self._distillation.loss(self.model, images, labels, self._labels_loss)
        share = share_of_last_group(batch_index, batches, self._settings.accumulate)
        return {"loss": loss * share, "train_loss": loss.detach()}

    def validation_step(self, batch: Sample, index: int) -> None:
        """Loss and overlap of one batch of the selection patients."""
        images, labels = channels_last(batch)
        logits = self.model(images)
        counts = self._counts(index)
        loss = dice_cross_entropy(logits.float(), labels).double()
        self._selection_loss.append(torch.stack([loss, torch.ones_like(loss)]) * len(images) * counts)
        self._overlap.append(overlap(logits.argmax(dim=1), labels, num_classes=logits.shape[1]) * counts)

    def on_validation_epoch_end(self) -> None:
        """Loss and Dice of the epoch, from the sums over all slices."""
        loss, slices = summed(torch.stack(self._selection_loss).sum(dim=0))
        both, total = summed(torch.stack(self._overlap).sum(dim=0)).double()
        self._selection_loss.clear()
        self._overlap.clear()
        dice = (2 * both / total)[total > 0].mean() if (total > 0).any() else torch.tensor(0.0)
        self.log("selection_loss", (loss / slices).float(), sync_dist=True)
        self.log("selection_dice", dice.float(), sync_dist=True)

    def configure_optimizers(self) -> Any:
        """The optimiser, and the schedule of its learning rate; Lightning counts the steps of the whole training."""
        settings = self._settings
        optimizer = create_optimizer(self.model, settings)
        if not needs_schedule(settings):
            return optimizer
        schedule = learning_rate_schedule(optimizer, settings, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _labels_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return dice_cross_entropy(logits.float(), labels, sum_over=summed)

    def _counts(self, index: int) -> bool:
        """Whether a batch of the selection patients is no other process's as well."""
        sampler = self.trainer.val_dataloaders.batch_sampler
        assert isinstance(sampler, BatchesInTurn)
        return sampler.counts(index)


def seed_everywhere(seed: int) -> None:
    """Seed torch, and Python and NumPy, of which a network of one's own may take random numbers."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - the generator that others take their numbers from


def share_of_last_group(batch_index: int, num_batches: int, accumulate: int) -> float:
    """By what a batch's loss is multiplied so that an epoch's last, incomplete group is averaged like any other.

    Lightning divides every loss by `accumulate`, however many batches the group has.

    Example:
        >>> [share_of_last_group(index, num_batches=6, accumulate=4) for index in range(6)]
        [1.0, 1.0, 1.0, 1.0, 2.0, 2.0]
    """
    left_over = num_batches % accumulate
    return accumulate / left_over if batch_index >= num_batches - left_over else 1.0


def channels_last(batch: Sample) -> tuple[Tensor, Tensor]:
    """Images in the layout in which convolutions are fastest, and labels."""
    images, labels = batch
    return images.to(memory_format=torch.channels_last), labels


def overlap(prediction: Tensor, truth: Tensor, num_classes: int) -> Tensor:
    """Pixels in both masks, and the sum of both masks' pixels, for each foreground class: (2, classes - 1)."""
    classes = torch.arange(1, num_classes, device=truth.device).view(-1, 1, 1, 1)
    predicted, true = prediction == classes, truth == classes
    both = (predicted & true).flatten(1).sum(dim=1)
    return torch.stack([both, predicted.flatten(1).sum(dim=1) + true.flatten(1).sum(dim=1)])
