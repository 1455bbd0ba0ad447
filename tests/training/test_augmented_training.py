from pathlib import Path

import pytest
import torch

from trimformer.models import load_model
from trimformer.records.experiment import Experiment
from trimformer.records.history import read_history
from trimformer.training import train


class KilledError(Exception):
    """Stands for a kill inside the second epoch."""


def kill_late(task: str, done: int, total: int) -> None:
    if task == "training augmented" and done == total // 2 + 2:
        raise KilledError


def test_an_interrupted_augmented_run_ends_as_an_uninterrupted_one(
    small_experiment: Experiment, tmp_path: Path
) -> None:
    plain = small_experiment.with_changes(model={"name": "unet"}, training={"batch_size": 64})
    augmented = plain.with_changes(name="augmented", augmentation={"enabled": True})
    whole = train(augmented, tmp_path / "whole")
    with pytest.raises(KilledError):
        train(augmented, tmp_path / "killed", kill_late)
    resumed = train(augmented, tmp_path / "killed")
    weights, again = (load_model(run.path, "last").state_dict() for run in (whole, resumed))
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    untouched = train(plain.with_changes(training={"epochs": 1}), tmp_path / "plain")
    losses = [read_history(run.history_file)["train_loss"][0] for run in (whole, untouched)]
    assert losses[0] != losses[1]  # training saw other slices
