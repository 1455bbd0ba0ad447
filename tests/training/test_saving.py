"""What is on disk while a run goes on, and where the disk is full."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from interrupted import at_step, differences, ending, small_training

from trimformer.records.errors import NotWritableError
from trimformer.records.run_folder import RunFolder
from trimformer.training import train
from trimformer.training.checkpoints import WholeCheckpointIO, last_checkpoint


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """A disk on which no file gets larger."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [100, 5_000, 300_000])  # in the header, and inside the first and the last tensor
def test_a_full_disk_is_one_error_and_leaves_the_last_checkpoint(tmp_path: Path, size: int) -> None:
    path = tmp_path / "last.ckpt"
    path.write_bytes(b"good")
    content = {"state_dict": {str(number): torch.zeros(20_000) for number in range(4)}}
    with pytest.raises(NotWritableError, match=r"last\.ckpt"), largest_file(size):
        WholeCheckpointIO().save_checkpoint(content, path)
    assert path.read_bytes() == b"good"
    assert [each.name for each in tmp_path.iterdir()] == ["last.ckpt"]
    WholeCheckpointIO().save_checkpoint(content, path)
    assert torch.equal(torch.load(path, weights_only=True)["state_dict"]["3"], torch.zeros(20_000))


def test_a_run_that_met_a_full_disk_goes_on_when_there_is_room(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    size = torch.iinfo(torch.int16).max  # more than the history, less than a checkpoint

    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    with largest_file(size), pytest.raises(NotWritableError, match=r"last\.ckpt"):
        train(small_training(), folder, at_step(8, fill))
    assert torch.load(last_checkpoint(RunFolder(folder)), weights_only=True)["epoch"] == 0
    whole, again = train(small_training(), tmp_path / "whole"), train(small_training(), folder)
    assert not differences(ending(whole), ending(again))


def test_the_best_checkpoint_is_the_last_one_of_its_epoch_under_a_second_name(tmp_path: Path) -> None:
    run = train(small_training(epochs=1), tmp_path / "run")
    assert (run.checkpoints / "best.ckpt").samefile(last_checkpoint(run))


def test_a_file_system_of_single_names_gets_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("os.link", refuse)
    run = train(small_training(epochs=1), tmp_path / "run")
    best, last = run.checkpoints / "best.ckpt", last_checkpoint(run)
    assert not best.samefile(last)
    assert best.read_bytes() == last.read_bytes()


def test_a_moved_run_goes_on_with_its_best_epoch(tmp_path: Path) -> None:
    whole = train(small_training(learning_rate=10.0), tmp_path / "whole")
    with pytest.raises(ZeroDivisionError):
        train(small_training(learning_rate=10.0), tmp_path / "run", at_step(12, lambda: 1 // 0))
    (tmp_path / "run").rename(tmp_path / "moved")
    assert not differences(ending(whole), ending(train(small_training(learning_rate=10.0), tmp_path / "moved")))
