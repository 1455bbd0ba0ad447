"""BatchNorm's statistics for predictions, taken anew of the weights as they are when an epoch ends."""

from collections.abc import Iterator
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor

from trimformer.data.training_set import SliceDataset
from trimformer.training.batch_norm import PRECISE_SLICES, batch_norms


class PreciseStatistics(L.Callback):
    """Before the selection patients are predicted, replaces the running means of BatchNorm.

    Running means follow the last ten batches or so, of weights that have changed since and with dropout on, which makes
    the variances of what is behind it larger than in a prediction. Here the same slices go through the finished
    weights without dropout, and every batch counts the same (Wu and Johnson 2021, arXiv:2105.07576, section 3).

    The slices are spread evenly over all patients and within each batch, the same after each epoch and in each of
    several processes, so nothing is drawn and a resumed run has the same. Training does not see the result.

    Args:
        slices: The training slices, not augmented.
        batch_size: Of each pass.
    """

    def __init__(self, slices: SliceDataset, batch_size: int) -> None:
        self._slices = slices
        self._batch_size = batch_size

    def on_validation_start(self, trainer: L.Trainer, task: Any) -> None:
        """The model is in its mode for predictions already."""
        norms = list(batch_norms(task.model))
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # which means that every batch counts the same
            norm.train()
        with torch.no_grad(), trainer.precision_plugin.val_step_context():
            for images in self._batches():
                task.model(images.to(task.device, memory_format=torch.channels_last))
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.eval()

    def _batches(self) -> Iterator[Tensor]:
        count = min(len(self._slices), PRECISE_SLICES)
        spread = np.linspace(0, len(self._slices) - 1, count).round().astype(int)
        batches = max(1, count // self._batch_size)
        for first in range(batches):
            yield torch.stack([self._slices[int(index)][0] for index in spread[first::batches]])
