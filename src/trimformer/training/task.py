"""What Lightning trains: a segmentation model, its loss and its optimiser."""

import random
from collections.abc import Sequence
from typing import Any

import lightning as L
import numpy as np
import torch
from monai.losses.dice import DiceCELoss
from torch import Tensor, nn

from trimformer.records.settings import TrainingSettings
from trimformer.training.distillation import Distillation
from trimformer.training.schedules import learning_rate_schedule, needs_schedule

Sample = Sequence[Tensor]
"""Images (batch, 1, rows, columns) and labels (batch, rows, columns)."""


def segmentation_loss() -> nn.Module:
    """(soft Dice + cross-entropy) / 2, background included, Dice over the whole batch (the paper's loss)."""
    return DiceCELoss(softmax=True, to_onehot_y=True, batch=True, lambda_dice=0.5, lambda_ce=0.5)


class SegmentationTask(L.LightningModule):
    """A model under the protocol of one experiment.

    The selection patients' Dice that is logged after every epoch is the mean over classes of the Dice over all their
    slices together, on the model's grid: cheap, and used for nothing but picking the best epoch. A teacher, where there
    is one, has its part in the training loss alone.
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
        self.loss = segmentation_loss()
        self._settings = settings
        self._seed = seed
        self._distillation = distillation
        self._overlap: list[Tensor] = []

    def training_step(self, batch: Sample, batch_index: int) -> dict[str, Tensor]:
        """The loss of one batch; its dropout depends on seed and batch alone, so a resumed run draws the same."""
        batches = int(self.trainer.num_training_batches)
        seed_everywhere(self._seed * 1_000_003 + self.current_epoch * batches + batch_index)
        images, labels = channels_last(batch)
        if self._distillation is None:
            loss = self._labels_loss(self.model(images), labels)
        else:
            loss = self._distillation.loss(self.model, images, labels, self._labels_loss)
        share = share_of_last_group(batch_index, batches, self._settings.accumulate)
        return {"loss": loss * share, "train_loss": loss.detach()}

    def validation_step(self, batch: Sample, _: int) -> None:
        """Loss and overlap of one batch of the selection patients."""
        images, labels = channels_last(batch)
        logits = self.model(images)
        self.log("selection_loss", self._labels_loss(logits, labels), on_epoch=True, batch_size=len(images))
        self._overlap.append(overlap(logits.argmax(dim=1), labels, num_classes=logits.shape[1]))

    def on_validation_epoch_end(self) -> None:
        """Dice of the epoch, from the sums over all slices."""
        both, total = torch.stack(self._overlap).sum(dim=0).double().unbind()
        self._overlap.clear()
        dice = (2 * both / total)[total > 0].mean() if (total > 0).any() else torch.tensor(0.0)
        self.log("selection_dice", dice.float())

    def configure_optimizers(self) -> Any:
        """AdamW, and the schedule of its learning rate; Lightning counts the steps of the whole training."""
        settings = self._settings
        optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
        if not needs_schedule(settings):
            return optimizer
        schedule = learning_rate_schedule(optimizer, settings, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _labels_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return self.loss(logits.float(), labels[:, None])


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
