"""`examples/answers_together.py`: runs that all criteria were asked about in, one table of answers out."""

import importlib
import shutil
from pathlib import Path
from types import ModuleType

import pytest
from made_sweep import made_study

from trimformer.depth.criteria.catalogue import CRITERIA
from trimformer.records.progress import Progress
from trimformer.records.run_folder import RunFolder


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, found as Python finds it."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "examples"))
    return importlib.import_module("answers_together")


def test_every_run_that_was_asked_about_is_a_line(
    example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = made_study(tmp_path, {"far-sighted": (1, None)})
    file = tmp_path / "answers.csv"
    assert example.main([str(plan.folder), "--out", str(file)]) == 0
    assert capsys.readouterr().out == file.read_text()
    titles, first, second = (line.split(",") for line in file.read_text().splitlines())
    assert titles[-len(CRITERIA) :] == list(CRITERIA)
    told = [dict(zip(titles, line, strict=True)) for line in (first, second)]
    assert [(row["run"], row["seed"], row["blocks"]) for row in told] == [
        ("sweep-6-seed0", "0", "6"),
        ("sweep-6-seed1", "1", "6"),
    ]
    assert [row["far-sighted"] for row in told] == ["1", "-"]
    assert [row["fixed"] for row in told] == ["3", "3"]
    assert told[0]["still_changing"] == "0.0"
    assert float(told[0]["dice"]) == pytest.approx(0.825, abs=0.01)


def test_answers_at_other_thresholds_outlive_the_models(example: ModuleType, tmp_path: Path) -> None:
    plan, file = made_study(tmp_path, {"far-sighted": (1, None)}), tmp_path / "at-thresholds.csv"
    assert example.main([str(plan.folder), "--sensitivity", str(file)]) == 0
    assert file.read_text().splitlines() == [
        "run,dataset,criterion,threshold,blocks",
        "sweep-6-seed0,phantom,far-sighted,0.3,0",
        "sweep-6-seed0,phantom,far-sighted,0.5,1",
        "sweep-6-seed1,phantom,far-sighted,0.3,0",
        "sweep-6-seed1,phantom,far-sighted,0.5,-",
    ]


def test_what_near_sighted_blocks_lose_is_told_block_by_block(example: ModuleType, tmp_path: Path) -> None:
    plan, file = made_study(tmp_path, {}), tmp_path / "near-sighted.csv"
    changed = plan.folder / "runs" / "sweep-6-seed1" / "criteria.json"
    changed.write_text(changed.read_text().replace("-0.2", "-0.12345", 1))  # far-sighted comes first
    assert example.main([str(plan.folder), "--losses", str(file)]) == 0
    assert file.read_text().splitlines() == [
        "run,dataset,block,patients,mean,low,high",
        "sweep-6-seed0,phantom,1,6,-0.2000,-0.3000,-0.1000",
        "sweep-6-seed0,phantom,2,6,-0.2000,-0.3000,-0.1000",
        "sweep-6-seed1,phantom,1,6,-0.1235,-0.3000,-0.1000",
        "sweep-6-seed1,phantom,2,6,-0.2000,-0.3000,-0.1000",
    ]


def test_finished_runs_of_a_pattern_are_asked_first_and_it_is_seen(
    example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made_study(tmp_path, {}).folder
    (folder / "runs" / "sweep-6-seed1" / "evaluation.json").unlink()  # was not evaluated yet
    (folder / "runs" / "sweep-6-seed1" / "criteria.json").unlink()
    asked: list[str] = []

    def ask(run: RunFolder, progress: Progress) -> None:
        asked.append(run.name)
        progress(f"asking {run.name}", 1, 1)

    monkeypatch.setattr(example, "answers_of", ask)
    assert example.main([str(folder), "--ask", "sweep-[36]-*"]) == 0
    assert asked == ["sweep-3-seed0", "sweep-3-seed1", "sweep-6-seed0"]
    assert "asking sweep-6-seed0" in capsys.readouterr().err


def test_a_pattern_that_no_finished_run_has_is_refused(
    example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made_study(tmp_path, {}).folder
    assert example.main([str(folder), "--ask", "sweep-7-*"]) == 2
    assert "none is called sweep-7-*" in capsys.readouterr().err


def test_a_folder_without_answers_is_no_table(
    example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert example.main([str(tmp_path), "--out", str(tmp_path / "answers.csv")]) == 2
    assert "--ask 'PATTERN'" in capsys.readouterr().err
    plan = made_study(tmp_path, {})
    shutil.rmtree(plan.folder / "runs" / "sweep-6-seed0")
    (plan.folder / "runs" / "sweep-6-seed1" / "criteria.json").write_text("{")
    assert example.main([str(plan.folder), "--out", str(tmp_path / "answers.csv")]) == 2
    assert not (tmp_path / "answers.csv").exists()
