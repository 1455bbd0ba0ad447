from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor, nn

from trimformer.data.training_set import SliceDataset
from trimformer.models import load_model
from trimformer.records.experiment import Experiment
from trimformer.records.run_folder import RunFolder
from trimformer.training import train
from trimformer.training.batch_norm import PRECISE_SLICES
from trimformer.training.precise_statistics import PreciseStatistics


class Slices(SliceDataset):
    """Slices of one brightness each, and how often each was read."""

    def __init__(self, brightness: Tensor) -> None:
        self._brightness, self.read = brightness, torch.zeros(len(brightness))

    def __len__(self) -> int:
        return len(self._brightness)

    def __getitem__(self, index: int) -> Any:
        self.read[index] += 1
        return self._brightness[index].expand(1, 2, 2), torch.zeros(2, 2).long()


def taken(slices: Slices, *, batch_size: int) -> nn.BatchNorm2d:
    model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm2d(1, momentum=0.3))
    model(torch.full((2, 1, 2, 2), 100.0))  # statistics of another time
    statistics = PreciseStatistics(slices, batch_size)
    task = SimpleNamespace(model=model.eval(), device="cpu")
    statistics.on_validation_start(L.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False), task)
    assert not any(module.training for module in model)
    norm = model[1]
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.momentum == 0.3
    return norm


def test_they_are_the_means_of_all_batches_without_dropout() -> None:
    norm = taken(Slices(torch.arange(8.0)), batch_size=4)
    batches = torch.tensor([[0.0, 2, 4, 6], [1, 3, 5, 7]]).repeat_interleave(4, dim=1)  # four pixels each
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert float(norm.running_mean) == pytest.approx(3.5)
    assert float(norm.running_var) == pytest.approx(float(batches.var(dim=1).mean()))


def test_of_many_slices_so_many_are_read_from_the_first_to_the_last() -> None:
    slices = Slices(torch.arange(3.0 * PRECISE_SLICES))
    norm = taken(slices, batch_size=8)
    assert slices.read.sum() == PRECISE_SLICES
    assert slices.read.max() == 1
    assert slices.read[0] == slices.read[-1] == 1
    assert norm.num_batches_tracked == PRECISE_SLICES // 8


@pytest.mark.parametrize("count", [1, 3])
def test_fewer_slices_than_a_batch_are_one_batch(count: int) -> None:
    assert taken(Slices(torch.arange(float(count))), batch_size=8).num_batches_tracked == 1


def test_training_does_not_see_them(trained_run: RunFolder, small_experiment: Experiment, tmp_path: Path) -> None:
    precise = small_experiment.with_changes(training={"batch_norm": "precise"})
    run = train(precise, tmp_path / "precise")
    assert (
        run.manifest()["processes"]["batch_norm"]
        == f"of each batch; in predictions, of {PRECISE_SLICES} training slices"
    )
    plain, other = (load_model(path, "last") for path in (trained_run.path, run.path))
    weights = dict(other.named_parameters())
    assert all(torch.equal(value, weights[name]) for name, value in plain.named_parameters())
    buffers = dict(other.named_buffers())
    moved = [name for name, value in plain.named_buffers() if not torch.equal(value, buffers[name])]
    assert any(name.endswith("running_var") for name in moved)
