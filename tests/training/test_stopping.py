from pathlib import Path

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader, TensorDataset

from trimformer.training.stopping import Patience

DICE = (0.1, 0.5, 0.5, 0.4, 0.6, 0.2, 0.3, 0.9)
"""After each epoch: with a patience of 2 a training stops after its fourth; from there on only a longer one goes on."""

pytestmark = pytest.mark.filterwarnings("ignore:.*(many workers|LeafSpec|exists and is not empty).*")


class Told(L.LightningModule):  # type: ignore[misc] # Lightning is read without types
    """One weight, and a Dice that somebody decided."""

    def __init__(self, epochs: int | None = None) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.killed_after = epochs

    def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
        if self.current_epoch == self.killed_after:
            raise InterruptedError
        return (self.weight - batch[0]).square().mean()

    def validation_step(self, *_: object) -> None:
        self.log("selection_dice", torch.tensor(DICE[self.current_epoch]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(folder: Path, patience: int, killed_after: int | None = None) -> tuple[L.Trainer, Told]:
    module, data = Told(killed_after), DataLoader(TensorDataset(torch.ones(2, 1)))
    last = folder / "last.ckpt"
    trainer = L.Trainer(
        max_epochs=len(DICE),
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=[Patience(patience), ModelCheckpoint(folder, filename="last", enable_version_counter=False)],
    )
    trainer.fit(module, data, data, ckpt_path=last if last.exists() else None, weights_only=True)
    return trainer, module


def test_training_stops_after_as_many_epochs_without_a_better_dice(tmp_path: Path) -> None:
    trainer, _ = fit(tmp_path / "two", patience=2)
    assert trainer.current_epoch == 4
    trainer, _ = fit(tmp_path / "three", patience=3)
    assert trainer.current_epoch == 8


@pytest.mark.parametrize("killed_after", [1, 2, 3])
def test_a_resumed_training_stops_after_the_same_epoch(tmp_path: Path, killed_after: int) -> None:
    whole, expected = fit(tmp_path / "whole", patience=2)
    with pytest.raises(InterruptedError):
        fit(tmp_path / "killed", 2, killed_after)
    resumed, module = fit(tmp_path / "killed", 2)
    assert resumed.current_epoch == whole.current_epoch
    assert torch.equal(module.weight, expected.weight)


def test_a_training_that_has_stopped_is_not_begun_again(tmp_path: Path) -> None:
    fit(tmp_path, patience=2)
    before = (tmp_path / "last.ckpt").read_bytes()
    again, _ = fit(tmp_path, patience=2)
    assert again.global_step == 8
    assert (tmp_path / "last.ckpt").read_bytes() == before
