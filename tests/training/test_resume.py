"""Interrupted in any way and started again, a run ends bit by bit as an uninterrupted one does."""

import multiprocessing
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from interrupted import at_step, differences, ending, small_training, terminate, train_and_die

from trimformer.records.errors import TerminatedError
from trimformer.records.run_folder import RunFolder
from trimformer.training import train

KILLS = 20
STEPS = 15
"""Of the small training: three epochs of five batches."""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return ending(train(small_training(), tmp_path_factory.mktemp("uninterrupted") / "run"))


@pytest.mark.parametrize("step", [1, 7, 10, STEPS])  # 10 and 15 end an epoch: the selection patients are next
def test_a_run_that_was_asked_to_end_goes_on_from_that_step(
    uninterrupted: dict[str, Any], tmp_path: Path, step: int
) -> None:
    folder = tmp_path / "run"
    with pytest.raises(TerminatedError, match=f"{step} of {STEPS} steps done"):
        train(small_training(), folder, at_step(step, terminate))
    steps: list[int] = []
    train(small_training(), folder, lambda task, done, _: steps.append(done) if "training" in task else None)
    assert steps == list(range(step + 1, STEPS + 1))
    assert not differences(uninterrupted, ending(RunFolder(folder)))


def test_a_run_can_be_asked_to_end_again_and_again(uninterrupted: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    for step in (2, 3, 5, 6):
        with pytest.raises(TerminatedError):
            train(small_training(), folder, at_step(step, terminate))
    assert not differences(uninterrupted, ending(train(small_training(), folder)))


def test_gradients_that_were_added_up_for_a_step_are_kept(tmp_path: Path) -> None:
    experiment = small_training(accumulate=3)
    whole = train(experiment, tmp_path / "whole")
    with pytest.raises(TerminatedError, match="1 of"):  # behind the fourth batch, one of two of the second step
        train(experiment, tmp_path / "again", at_call(4, terminate))
    assert not differences(ending(whole), ending(train(experiment, tmp_path / "again")))


def test_muon_goes_on_as_exactly(tmp_path: Path) -> None:
    experiment = small_training(muon_learning_rate=1e-3, schedule="cosine")
    whole = train(experiment, tmp_path / "whole")
    with pytest.raises(TerminatedError):
        train(experiment, tmp_path / "again", at_step(7, terminate))
    assert not differences(ending(whole), ending(train(experiment, tmp_path / "again")))


def at_call(number: int, act: Callable[[], None]) -> Callable[[str, int, int], None]:
    calls = iter(range(1, 10**6))
    return lambda task, _, __: act() if "training" in task and next(calls) == number else None


def test_checkpoints_inside_epochs_are_as_exact(uninterrupted: dict[str, Any], tmp_path: Path) -> None:
    folder, often = tmp_path / "run", small_training(checkpoint_minutes=1e-9)
    with pytest.raises(ZeroDivisionError):
        train(often, folder, at_step(8, lambda: 1 // 0))
    steps: list[int] = []
    train(often, folder, lambda task, done, _: steps.append(done) if "training" in task else None)
    assert steps[0] == 8  # written after step 7, for the eighth was not ended
    assert not differences(uninterrupted, ending(RunFolder(folder)))


@pytest.fixture(scope="module")
def processes() -> Any:
    """Processes that are forked from one that has imported everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["trimformer.training.train"])
    return context


def train_apart(processes: Any, act: Callable[..., object], *arguments: Any, seconds: float | None = None) -> bool:
    """Train in a process, killed after some seconds unless it has ended; whether it was done."""
    process = processes.Process(target=act, args=arguments)
    process.start()
    process.join(seconds)
    process.kill()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return bool(process.exitcode == 0)


@pytest.fixture(scope="module")
def uninterrupted_apart(processes: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """In such a process: here, the type checks of the tests draw from Python's random numbers too."""
    folder = tmp_path_factory.mktemp("uninterrupted") / "apart"
    assert train_apart(processes, train, small_training(), folder)
    return ending(RunFolder(folder))


def killed_at_moments(processes: Any, tmp_path: Path) -> Callable[[Path, random.Random], bool]:
    """Kills after a random time, seldom longer than what a whole training takes on this machine now."""
    train_apart(processes, train, small_training(), tmp_path / "first")  # in which the server starts
    begin = time.perf_counter()
    train_apart(processes, train, small_training(), tmp_path / "second")
    longest = 1.2 * (time.perf_counter() - begin)
    return lambda folder, chance: train_apart(
        processes, train, small_training(), folder, seconds=chance.uniform(0, longest)
    )


def killed_at_renames(processes: Any, _: Path) -> Callable[[Path, random.Random], bool]:
    """Kills just before or just after a file is moved into its place."""
    return lambda folder, chance: train_apart(
        processes, train_and_die, small_training(), folder, chance.randint(1, 6), chance.random() < 0.5
    )


@pytest.mark.slow
@pytest.mark.parametrize("killed", [killed_at_moments, killed_at_renames])
def test_killed_at_any_moment_a_run_ends_as_if_it_had_not_been(
    uninterrupted_apart: dict[str, Any], processes: Any, tmp_path: Path, killed: Any
) -> None:
    chance, train_once = random.Random(0), killed(processes, tmp_path)
    kills = runs = 0
    while kills < KILLS:
        runs += 1
        while not train_once(tmp_path / f"{runs}", chance):
            kills += 1
        assert not differences(uninterrupted_apart, ending(RunFolder(tmp_path / f"{runs}")))
