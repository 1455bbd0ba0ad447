from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from made_datasets import write_ibsr18_misa

from trimformer.records.experiment import Experiment, parse_experiment
from trimformer.records.progress import Progress, silent
from trimformer.records.study_results import StudyResults
from trimformer.study.execute import Outcome, one_after_another
from trimformer.study.plan import Job, Plan
from trimformer.study.run import run_study


def job(name: str, *needs: str) -> Job:
    return Job(name, Experiment(name=name), Path("nowhere") / name, needs)


def test_a_run_is_begun_only_if_those_that_it_needs_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []

    def run_apart(job: Job, progress: Progress) -> str | None:
        begun.append(job.name)
        progress("training", 1, 1)
        return "It broke." if job.name == "b" else None

    monkeypatch.setattr("trimformer.study.execute.run_apart", run_apart)
    jobs = [job("a"), job("b", "a"), job("c", "b"), job("d", "c"), job("e", "a")]
    assert list(one_after_another(jobs, silent)) == [
        Outcome("a", None),
        Outcome("b", "It broke."),
        Outcome("c", "It needs b, which failed."),
        Outcome("d", "It needs c, which failed."),
        Outcome("e", None),
    ]
    assert begun == ["a", "b", "e"]


def test_what_is_done_is_not_executed_again_and_who_failed_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = write_ibsr18_misa(tmp_path / "ibsr18", shape=(32, 3, 32))
    data = {"dataset": "ibsr18", "root": str(root), "image_size": 32}
    experiment = parse_experiment({"data": data, "model": {"size": "tiny", "num_blocks": 0}}, "the test")
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

    def execute(jobs: Sequence[Job], _: Progress) -> Iterator[Outcome]:
        assert [job.name for job in jobs] == ["new", "broken"]
        yield from (Outcome("new", None), Outcome("broken", "It broke."))

    plan = Plan("made", tmp_path, tuple(jobs), ("done", "new", "broken"))
    assert run_study(plan, silent, execute).done == 2
    assert told == [{"broken": "It broke."}]


def test_outcomes_are_known_as_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    begin: Callable[[Job, Progress], None] = lambda job, _: begun.append(job.name)  # noqa: E731 - a stand-in
    monkeypatch.setattr("trimformer.study.execute.run_apart", begin)
    outcomes = one_after_another([job("a"), job("b")], silent)
    assert next(outcomes).name == "a"
    assert begun == ["a"]
