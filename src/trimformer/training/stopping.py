"""When a training ends before its last epoch."""

import lightning as L
from lightning.pytorch.callbacks import EarlyStopping


class Patience(EarlyStopping):
    """Ends a training whose Dice on the selection patients has not risen for some epochs.

    The count is in the checkpoint, so that a resumed run stops after the same epoch as an uninterrupted one.

    Args:
        epochs: How many without a better Dice than the best so far.
    """

    def __init__(self, epochs: int) -> None:
        super().__init__("selection_dice", mode="max", patience=epochs, check_finite=False)

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """A run that had stopped and was killed before its weights were written stays stopped."""
        trainer.should_stop = self.wait_count >= self.patience
