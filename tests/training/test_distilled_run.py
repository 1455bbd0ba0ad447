from pathlib import Path

import pytest
import torch

from trimformer.models import load_model
from trimformer.records.experiment import Experiment
from trimformer.training import train


class KilledError(Exception):
    """Stands for a kill."""


def test_an_interrupted_student_ends_with_the_weights_of_an_uninterrupted_one(
    small_experiment: Experiment, tmp_path: Path
) -> None:
    few = small_experiment.with_changes(data={"num_patients": 4}, model={"num_blocks": 1})
    teacher = train(few.with_changes(training={"epochs": 1, "batch_size": 64}), tmp_path / "teacher")
    experiment = few.with_changes(
        model={"num_blocks": 0, "weights": str(teacher.path)},
        distillation={"teacher": str(teacher.path), "features": 0.1},
    )
    whole = train(experiment, tmp_path / "whole")
    total = torch.load(whole.checkpoints / "last.ckpt", weights_only=True)["global_step"]

    def kill_in_the_second_epoch(_task: str, done: int, _total: int) -> None:
        if done == total // 2 + 1:
            raise KilledError

    with pytest.raises(KilledError):
        train(experiment, tmp_path / "again", kill_in_the_second_epoch)
    again = load_model(train(experiment, tmp_path / "again").path, "last").state_dict()
    for name, tensor in load_model(whole.path, "last").state_dict().items():
        assert torch.equal(tensor, again[name]), name
