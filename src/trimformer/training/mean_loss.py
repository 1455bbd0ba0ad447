"""The mean training loss of an epoch, exact where the epoch was interrupted."""

from typing import Any

import lightning as L
import torch
from torch import Tensor

from trimformer.processes.group import num_processes, summed


class MeanLoss(L.Callback):
    """Logs `train_loss`, the mean over the epoch's slices, when the epoch ends.

    Lightning's own means are lost with the process; these sums are kept in the checkpoint.
    """

    def __init__(self) -> None:
        self._sum: float | Tensor = 0.0
        self._slices = 0

    def on_train_epoch_start(self, *_: Any) -> None:
        """Begin anew; not called where an epoch goes on."""
        self._sum, self._slices = 0.0, 0

    def on_train_batch_end(self, _: L.Trainer, __: L.LightningModule, outputs: Any, batch: Any, ___: int) -> None:
        """Add a batch, on the device where its loss is."""
        self._sum = self._sum + outputs["train_loss"] * len(batch[0])
        self._slices += len(batch[0])

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log the mean."""
        pl_module.log("train_loss", self._sum / self._slices, sync_dist=trainer.world_size > 1)

    def state_dict(self) -> dict[str, Any]:
        """The sums of the epoch until now, over all processes."""
        return {"sum": float(summed(torch.as_tensor(self._sum))), "slices": self._slices * num_processes()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on adding."""
        self._sum, self._slices = state_dict["sum"] / num_processes(), state_dict["slices"] // num_processes()
