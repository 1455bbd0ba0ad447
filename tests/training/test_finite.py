"""A loss that is no number stops the run, names what came before it, and leaves the last checkpoint."""

from pathlib import Path
from unittest.mock import MagicMock, Mock

import lightning as L
import pytest
import torch
from interrupted import small_training

from trimformer.data.training_set import SliceDataset
from trimformer.records.errors import UserError
from trimformer.records.run_folder import RunFolder
from trimformer.training import train
from trimformer.training.batches import TrainingBatches
from trimformer.training.checkpoints import last_checkpoint
from trimformer.training.finite import BATCHES_ON_GPU, FiniteLoss


@pytest.mark.parametrize(("mishap", "found"), [("nan", "a loss of nan at"), ("gradient", "a loss of nan at")])
def test_the_step_and_its_slices_are_named_and_the_last_checkpoint_is_kept(
    tmp_path: Path, mishap: str, found: str
) -> None:
    run = RunFolder(tmp_path / "run")
    with pytest.raises(UserError) as told:
        train(small_training({"fails_at": 8, "mishap": mishap}), run.path)
    step = 8 if mishap == "nan" else 9  # an infinite gradient shows in the step after it
    assert told.value.found.startswith(f"{found} step {step} (epoch 1, batch {step - 6}), which had the slices")
    assert "training.learning_rate" in told.value.next_step
    assert torch.load(last_checkpoint(run), weights_only=True)["epoch"] == 0
    assert not run.weights_file.exists()


def test_weights_that_are_no_numbers_get_into_no_checkpoint(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    with pytest.raises(UserError, match="weights that are not finite after step 10 "):
        train(small_training({"fails_at": 10, "mishap": "gradient"}), run.path)  # the last batch of epoch 1
    assert torch.load(last_checkpoint(run), weights_only=True)["epoch"] == 0


def test_on_a_gpu_several_batches_are_looked_at_together_and_the_right_one_is_named() -> None:
    slices, batches = Mock(spec=SliceDataset), MagicMock(spec=TrainingBatches)
    slices.origin.side_effect = lambda draw: ("ab"[draw // 10], draw % 10)
    batches.draws_of.side_effect = lambda batch_index: [19 - batch_index, batch_index]
    batches.__len__.return_value = 20
    trainer = Mock(spec=L.Trainer, current_epoch=2)
    task = Mock(spec=L.LightningModule, device=torch.device("cuda"))
    watch = FiniteLoss(slices, batches)
    *losses, last = [1.0, 0.5, float("inf")] + [float("nan")] * (BATCHES_ON_GPU - 3)
    for batch, loss in enumerate(losses):
        watch.on_train_batch_end(trainer, task, {"train_loss": torch.tensor(loss)}, None, batch)
    with pytest.raises(UserError, match=r"inf at step 43 \(epoch 2, batch 2\).*slices \(from 0\) of a: 2; b: 7"):
        watch.on_train_batch_end(trainer, task, {"train_loss": torch.tensor(last)}, None, len(losses))
