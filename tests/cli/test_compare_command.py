"""`trimformer compare` and `evaluate`, typed; the run is the tests' own."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from trimformer.records.files import read_json, write_json
from trimformer.records.run_folder import RunFolder

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def runs(trained_run: RunFolder, tmp_path: Path) -> list[RunFolder]:
    """The same weights as if trained with two seeds."""
    made = []
    for seed in (0, 1):
        run = RunFolder(tmp_path / f"small-seed{seed}")
        shutil.copytree(trained_run.path, run.path)
        run.experiment().with_changes(seed=seed).save(run.experiment_file)
        made.append(run)
    return made


def test_seeds_become_one_row_and_a_foreign_dataset_is_refused(
    trimformer: Command, runs: list[RunFolder], tmp_path: Path
) -> None:
    paths = [run.path for run in runs]
    out = tmp_path / "comparison"
    code, printed, complaint = trimformer("compare", *paths, "--out", out, "--margin", "0.05", "--json")
    assert code == 0, complaint
    results = json.loads(printed)
    [row] = results["models"]
    assert (row["name"], row["seeds"], results["margin"]) == ("small", [0, 1], 0.05)
    assert row["runs"] == ["../small-seed0", "../small-seed1"]
    assert (out / "report.html").is_file()

    manifest = read_json(runs[1].manifest_file, "")
    manifest["data"]["dataset"] = "ibsr18"
    write_json(runs[1].manifest_file, manifest)
    elsewhere = tmp_path / "elsewhere"
    code, printed, complaint = trimformer("compare", *paths, "--out", elsewhere)
    assert code == 2
    assert "Runs in one comparison are trained on one dataset" in complaint
    assert "small-seed1 differ: brain and ibsr18" in complaint
    assert not printed
    assert not elsewhere.exists()


def test_a_margin_of_nothing_is_refused(trimformer: Command, runs: list[RunFolder]) -> None:
    code, _, complaint = trimformer("compare", runs[0].path, "--margin", "0")
    assert code == 2
    assert "The margin is a Dice above 0 and below 1" in complaint


def test_scores_counted_otherwise_stand_beside_the_evaluation(trimformer: Command, runs: list[RunFolder]) -> None:
    run = runs[0]
    before = run.evaluation_file.read_text() if run.evaluation_file.exists() else None
    code, printed, complaint = trimformer("evaluate", run.path, "--unit", "slice", "--empty", "transunet", "--json")
    assert code == 0, complaint
    document = json.loads(printed)
    assert (document["unit"], document["empty"]) == ("slice", "transunet")
    assert json.loads((run.path / "evaluation-by-slice-transunet.json").read_text()) == document
    assert before == (run.evaluation_file.read_text() if run.evaluation_file.exists() else None)
