import signal
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from slow_runs import EPOCHS, STEPS, is_alive, is_done, kill, processes, start, until, write_slow_study

from trimformer.study.processes import gpus_of_workers


@pytest.mark.parametrize(
    ("visible", "here", "count", "dealt"),
    [
        (None, 0, 2, [None, None]),
        ("", 0, 2, [None, None]),
        (None, 2, 3, ["0", "1", "0"]),
        ("3,5", 2, 4, ["3", "5", "3", "5"]),
        ("GPU-ab", 1, 1, ["GPU-ab"]),
        (None, 8, 1, ["0"]),
    ],
)
def test_each_worker_sees_one_gpu_in_turn(
    monkeypatch: pytest.MonkeyPatch, visible: str | None, here: int, count: int, dealt: list[str | None]
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: here)
    assert gpus_of_workers(count) == dealt


@pytest.mark.slow
def test_whatever_is_killed_the_study_ends_and_nothing_is_trained_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trimformer: Callable[..., tuple[int, str, str]]
) -> None:
    file = write_slow_study(tmp_path, ["a", "b", "c"])
    study = start(file, "--workers", "2")
    until(lambda: len(processes(tmp_path, "a")) > STEPS and processes(tmp_path, "b"), "two runs train", study)
    first = processes(tmp_path, "a")[0]
    kill(first)
    until(lambda: processes(tmp_path, "a")[-1] != first, "the killed run goes on by itself", study)
    assert not processes(tmp_path, "c")
    kill(study.pid)
    children = {processes(tmp_path, name)[-1] for name in "ab"}
    until(lambda: not any(map(is_alive, children)), "no run goes on without the study")
    study.wait()

    study = start(file, "--workers", "2")
    before = len(processes(tmp_path, "b"))
    until(lambda: len(processes(tmp_path, "b")) > before, "the second start goes on", study)
    study.send_signal(signal.SIGINT)
    assert study.wait(100) == 130
    assert not any(is_alive(process) for name in "abc" for process in processes(tmp_path, name))

    monkeypatch.chdir(tmp_path)
    code, printed, complaint = trimformer("study", file, "--workers", "2")
    assert code == 0, complaint
    assert f"c: done, epoch {EPOCHS} of {EPOCHS}, Dice" in complaint
    for name in "abc":
        assert is_done(tmp_path, name)
        steps = processes(tmp_path, name)
        begun = 1 + sum(one != other for one, other in pairwise(steps))
        assert len(steps) <= EPOCHS * STEPS + (begun - 1) * STEPS, "more than the epoch that was killed was repeated"
    assert "Report:" in printed
