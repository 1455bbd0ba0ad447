from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from made_datasets import write_ibsr18_misa

from trimformer.records.experiment import Experiment, parse_experiment
from trimformer.records.progress import Progress, silent
from trimformer.records.study_results import StudyResults
from trimformer.study.execute import Executor, Outcome, execute_on
from trimformer.study.plan import Job, Plan
from trimformer.study.run import run_study


def job(name: str, *needs: str) -> Job:
    return Job(name, Experiment(name=name), Path("nowhere") / name, needs)


class Played:
    """Workers that end the runs in the order in which they have begun."""

    def __init__(self, room: int, problems: Mapping[str, str]) -> None:
        self.room, self.problems = room, problems
        self.running: deque[str] = deque()
        self.told: list[str] = []
        self.are_open = True

    @property
    def has_room(self) -> bool:
        return len(self.running) < self.room

    def begin(self, job: Job) -> None:
        assert self.has_room
        self.running.append(job.name)
        self.told.append(f"+{job.name}")

    def wait(self) -> Outcome:
        name = self.running.popleft()
        self.told.append(f"-{name}")
        return Outcome(name, self.problems.get(name))


def played(room: int, problems: Mapping[str, str] | None = None) -> tuple[Executor, Played]:
    workers = Played(room, problems or {})

    @contextmanager
    def opened() -> Iterator[Played]:
        try:
            yield workers
        finally:
            workers.are_open = False

    return execute_on(opened), workers


def test_a_run_is_begun_only_if_those_that_it_needs_are_done() -> None:
    execute, workers = played(1, {"b": "It broke."})
    jobs = [job("a"), job("b", "a"), job("c", "b"), job("d", "c"), job("e", "a")]
    assert list(execute(jobs)) == [
        Outcome("a", None),
        Outcome("b", "It broke."),
        Outcome("c", "It needs b, which failed."),
        Outcome("d", "It needs c, which failed."),
        Outcome("e", None),
    ]
    assert workers.told == ["+a", "-a", "+b", "-b", "+e", "-e"]
    assert not workers.are_open


def test_runs_begin_wherever_there_is_room_and_as_soon_as_their_needs_are_done() -> None:
    execute, workers = played(2)
    jobs = [job("a"), job("b"), job("of-a", "a"), job("of-both", "a", "b"), job("c")]
    assert [outcome.name for outcome in execute(jobs)] == ["a", "b", "of-a", "of-both", "c"]
    told = ["+a", "+b", "-a", "+of-a", "-b", "+of-both", "-of-a", "+c", "-of-both", "-c"]
    assert workers.told == told


def test_a_run_whose_needs_are_done_already_begins() -> None:
    execute, workers = played(3)
    assert list(execute([job("b", "a")])) == [Outcome("b", None)]
    assert list(execute([])) == []
    assert workers.told == ["+b", "-b"]


def test_what_is_done_is_not_executed_again_and_who_failed_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = write_ibsr18_misa(tmp_path / "ibsr18", shape=(32, 3, 32))
    data = {"dataset": "ibsr18", "root": str(root), "image_size": 32}
    experiment = parse_experiment({"data": data, "model": {"size": "tiny", "num_blocks": 0, "weights": "none"}}, "x")
    jobs = [Job(name, experiment, tmp_path / name) for name in ("done", "new", "broken", "not asked for")]
    for file in (
        "model.json",
        "model.safetensors",
        "model-last.safetensors",
        "evaluation.json",
        "evaluation-last.json",
    ):
        (tmp_path / "done").mkdir(exist_ok=True)
        (tmp_path / "done" / file).touch()
    told: list[Mapping[str, str]] = []

    def compare(plan: Plan, problems: Mapping[str, str], _: Progress) -> StudyResults:
        told.append(problems)
        return StudyResults(study=plan.study, comparisons=(), done=2)

    monkeypatch.setattr("trimformer.study.run.compare_study", compare)
    execute, workers = played(1, {"broken": "It broke."})
    plan = Plan("made", tmp_path, tuple(jobs), ("done", "new", "broken"))
    assert run_study(plan, silent, execute).done == 2
    assert workers.told == ["+new", "-new", "+broken", "-broken"]
    assert told == [{"broken": "It broke."}]


def test_outcomes_are_known_as_they_come_and_workers_end_with_whoever_asks() -> None:
    execute, workers = played(1)
    outcomes = execute([job("a"), job("b")])
    assert next(outcomes).name == "a"
    assert workers.told == ["+a", "-a"]
    outcomes.close()
    assert not workers.are_open
