"""How `trimformer train` leaves when it is asked to."""

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from interrupted import small_training

from trimformer.records.run_folder import RunFolder
from trimformer.training.checkpoints import last_checkpoint

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture(params=["nobody", "one who leaves at once"])
def listener(request: pytest.FixtureRequest) -> Iterator[None]:
    """Who listens to SIGTERM before the training does; Ray leaves at once."""
    listens = signal.SIG_DFL if request.param == "nobody" else lambda *_: sys.exit(signal.SIGTERM)
    before = signal.signal(signal.SIGTERM, listens)
    yield
    assert signal.signal(signal.SIGTERM, before) is listens


@pytest.mark.usefixtures("listener")
@pytest.mark.parametrize(("mishap", "expected"), [("sigterm", 143), ("ctrl-c", 130)])
def test_the_exit_code_is_the_signals(trimformer: Typed, tmp_path: Path, mishap: str, expected: int) -> None:
    small_training({"fails_at": 2, "mishap": mishap}).save(tmp_path / "experiment.toml")
    run = RunFolder(tmp_path / "run")
    code, printed, complained = trimformer("train", tmp_path / "experiment.toml", "--out", run.path, "--json")
    assert (code, printed) == (expected, "")
    assert last_checkpoint(run).exists() == (mishap == "sigterm")
    saved = (
        f"Ended by SIGTERM: 2 of 15 steps done, saved in {last_checkpoint(run)}. The same command goes on from there."
    )
    assert complained.split("\n") == ([saved, ""] if mishap == "sigterm" else [""])
