from pathlib import Path

import pytest
from interrupted import small_training

from trimformer.records.errors import UserError
from trimformer.records.run_folder import RunFolder
from trimformer.training import lock, train


def test_two_trainings_at_once_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PATIENCE_SECONDS", 0.01)
    run = RunFolder(tmp_path / "run")
    with lock.alone_in(run):
        with pytest.raises(UserError, match="One process at a time"):
            train(small_training(), run.path)
        assert run.path.is_dir()
    assert not list(tmp_path.iterdir())


def test_folders_that_were_there_or_hold_something_stay(tmp_path: Path) -> None:
    run, other = RunFolder(tmp_path / "runs" / "run"), RunFolder(tmp_path / "runs" / "other")
    other.path.mkdir(parents=True)
    with lock.alone_in(other):
        pass
    with lock.alone_in(run):
        run.history_file.touch()
    assert other.path.is_dir()
    assert run.history_file.exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="must be writable"), lock.alone_in(RunFolder(tmp_path / "file" / "run")):
        pass
