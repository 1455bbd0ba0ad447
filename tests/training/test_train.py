import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from trimformer.models import load_model
from trimformer.records.errors import UserError
from trimformer.records.experiment import Experiment
from trimformer.records.history import read_history
from trimformer.records.run_folder import RunFolder
from trimformer.training import train


def test_a_run_folder_holds_what_the_interface_names(trained_run: RunFolder, small_experiment: Experiment) -> None:
    assert trained_run.experiment() == small_experiment
    manifest = json.loads(trained_run.manifest_file.read_text())
    assert manifest["weights"]["summary"] == "transformer, decoder, head random"
    assert len(manifest["data"]["fingerprint"]) == 64
    assert {path.name for path in trained_run.checkpoints.iterdir()} == {"best.ckpt", "last.ckpt"}
    history = read_history(trained_run.history_file)
    assert history["epoch"].tolist() == [0, 1]
    assert history["train_loss"][1] < history["train_loss"][0]


def test_a_done_run_is_left_as_it_is(trained_run: RunFolder, small_experiment: Experiment) -> None:
    before = trained_run.weights_file.stat().st_mtime_ns
    train(small_experiment, trained_run.path)
    assert trained_run.weights_file.stat().st_mtime_ns == before


class KilledError(Exception):
    """Stands for a kill after the first epoch."""


def stop_after(step: int) -> Callable[[str, int, int], None]:
    def progress(_: str, done: int, __: int) -> None:
        if done == step:
            raise KilledError

    return progress


def test_an_interrupted_run_ends_with_the_weights_of_an_uninterrupted_one(
    trained_run: RunFolder, small_experiment: Experiment, tmp_path: Path
) -> None:
    folder = tmp_path / "small"
    total = torch.load(trained_run.checkpoints / "last.ckpt", weights_only=True)["global_step"]
    with pytest.raises(KilledError):
        train(small_experiment, folder, stop_after(total // 2 + 2))  # inside the second epoch
    assert not RunFolder(folder).weights_file.exists()
    resumed = train(small_experiment, folder)
    assert read_history(resumed.history_file)["epoch"].tolist() == [0, 1]
    for checkpoint in ("best", "last"):
        whole, again = (load_model(path, checkpoint).state_dict() for path in (trained_run.path, folder))
        assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_a_folder_of_another_experiment_is_refused(trained_run: RunFolder, small_experiment: Experiment) -> None:
    with pytest.raises(UserError, match="belongs to one experiment"):
        train(small_experiment.with_changes(seed=1), trained_run.path)


def test_a_corrupt_checkpoint_is_named_and_left(
    trained_run: RunFolder, small_experiment: Experiment, tmp_path: Path
) -> None:
    folder = tmp_path / "small"
    shutil.copytree(trained_run.path, folder)
    run = RunFolder(folder)
    run.weights_file.unlink()
    (run.checkpoints / "last.ckpt").write_bytes(b"not a checkpoint")
    with pytest.raises(UserError, match=r"last\.ckpt"):
        train(small_experiment, folder)
    assert (run.checkpoints / "last.ckpt").read_bytes() == b"not a checkpoint"
