from collections.abc import Sequence
from pathlib import Path

import pytest

from trimformer.records.errors import UserError
from trimformer.records.progress import Progress
from trimformer.records.study import read_study
from trimformer.records.study_results import FailedRun, StudyComparison, StudyResults
from trimformer.study.comparisons import compare_study
from trimformer.study.plan import Job, plan_study

DONE = ("model.json", "model.safetensors", "model-last.safetensors", "evaluation.json", "evaluation-last.json")


def test_runs_on_the_same_data_are_compared_and_what_is_not_done_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "made.toml"
    file.write_text(
        '[[run]]\nname = "a"\nseed = [0, 1, 2]\n[[run]]\nname = "b"\ndata.image_size = 48\n'
        '[[run]]\nname = "c"\ndata.dataset = "emidec"\n[[run]]\nname = "d"\ndata.dataset = "synapse"\n'
    )
    plan = plan_study(read_study(file), tmp_path)
    for job in plan.jobs:
        job.folder.mkdir(parents=True)
        for name in DONE if job.name not in ("a-seed1", "a-seed2", "d") else ():
            (job.folder / name).touch()
    compared = {}

    def compare(jobs: Sequence[Job], folder: Path, _: Progress) -> None:
        if folder.name == "emidec":
            raise UserError("Runs have one label map", "two", "Look.")
        compared[folder.name] = [job.name for job in jobs]

    monkeypatch.setattr("trimformer.study.comparisons._compare", compare)
    (tmp_path / "runs" / "a-seed2" / "failure.txt").write_text("No memory.\nAnd more.\n")
    results = compare_study(plan, {"d": "It broke."})
    assert compared == {"brain": ["a-seed0"], "brain-2": ["b"]}
    assert results == StudyResults(
        study="made",
        comparisons=(
            StudyComparison(dataset="brain", folder="brain"),
            StudyComparison(dataset="brain", folder="brain-2"),
        ),
        failed=(
            FailedRun(run="a-seed2", problem="No memory."),
            FailedRun(run="d", problem="It broke."),
            FailedRun(run="comparison emidec", problem="Runs have one label map; found two. Look."),
        ),
        done=3,
    )
    assert StudyResults.load(tmp_path / "results.json") == results


def test_the_page_on_studies_shows_a_study_that_holds(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "studies.md").read_text()
    file = tmp_path / "depth.toml"
    file.write_text(page.split("```toml\n")[1].split("```")[0])
    plan = plan_study(read_study(file), tmp_path)
    assert len(plan.jobs) == 18
    needs = {job.name: job.needs for job in plan.jobs}
    assert needs["inherited-seed2"] == ("unetr-12-seed2",)
    assert {"unetr-0-seed1", "unet-seed0"} <= needs.keys()
