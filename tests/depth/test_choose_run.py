import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_measures import profile

from trimformer.compression.chosen_blocks import chosen_blocks
from trimformer.data.catalogue import load_dataset
from trimformer.depth.choose_run import choose_by_all
from trimformer.depth.criteria.catalogue import CRITERIA, DEFAULT
from trimformer.depth.run_measures import MeasuresOfRun
from trimformer.records.depth import DepthChoice
from trimformer.records.errors import NotWritableError
from trimformer.records.far_sight import FarSight
from trimformer.records.history import COLUMNS, write_history
from trimformer.records.run_folder import RunFolder
from trimformer.records.skipped_blocks import SkippedBlocks


@pytest.fixture(scope="module")
def run(trained_run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of two blocks and as few patients as there can be, whose profile is made here."""
    run = RunFolder(shutil.copytree(trained_run.path, tmp_path_factory.mktemp("chosen") / "run"))
    text = run.experiment_file.read_text()
    run.experiment_file.write_text(text.replace("num_patients = 12", "num_patients = 4"))
    profile([0.2, 0.6, 0.6, 0.6]).save(run.profile_file, run.profile_arrays)
    return run


def test_all_criteria_choose_and_what_is_cheap_is_measured(run: RunFolder, trimformer: Any) -> None:
    code, printed, complaint = trimformer("choose", run.path, "--criterion", "all")
    assert code == 0, complaint
    assert all(f"{name}: " in printed for name in CRITERIA)
    assert "Cannot say from 1 patient whether these data need a transformer" in " ".join(printed.split())
    choices = json.loads(run.criteria_file.read_text())
    assert list(choices) == list(CRITERIA)
    assert choices[DEFAULT] == json.loads(run.depth_file.read_text())
    assert (choices["rule"]["num_blocks"], choices["fixed"]["num_blocks"]) == (2, 2)
    dataset = load_dataset(run.experiment().data)
    known = [patient.patient_id for patient in (*dataset.selection, *dataset.training)]
    assert list(SkippedBlocks.load(run.skipped_blocks_file).patient_ids) == known
    assert list(FarSight.load(run.far_sight_file).patient_ids) == known
    assert set(MeasuresOfRun(run).similarity.patient_ids) == set(known)
    assert choices["identity-ablation"]["reason"] == "Too few patients: 3 patients with foreground, needed 6."
    assert choices["cka"]["evidence"]["depths"][0]["depth"] == 0


def test_one_criterion_is_written_where_compress_reads_it(run: RunFolder, trimformer: Any) -> None:
    code, printed, complaint = trimformer("choose", run.path, "--criterion", "fixed")
    assert code == 0, complaint
    assert printed.startswith("Keep 2 blocks.\n2 of 2 blocks")
    assert DepthChoice.load(run.depth_file).criterion == CRITERIA["fixed"].title
    assert chosen_blocks("auto", run, (0, 1)) == (0, 1)


def test_of_a_model_that_was_still_learning_the_verdict_says_so(
    run: RunFolder, tmp_path: Path, trimformer: Any
) -> None:
    learning = RunFolder(shutil.copytree(run.path, tmp_path / "learning"))
    write_history(learning.history_file, [dict.fromkeys(COLUMNS, epoch / 10) for epoch in range(9)])
    code, printed, complaint = trimformer("choose", learning.path, "--criterion", "fixed")
    assert code == 0, complaint
    assert "still learning: its selection Dice changes by +0.300" in " ".join(printed.split())


def test_without_a_profile_the_default_chooses_and_the_rule_says_what_to_run(
    trained_run: RunFolder, tmp_path: Path, trimformer: Any
) -> None:
    bare = RunFolder(shutil.copytree(trained_run.path, tmp_path / "bare"))
    for name in ("rule", "distance"):
        code, _, complaint = trimformer("choose", bare.path, "--criterion", name)
        assert code == 2
        assert "Run trimformer inspect" in complaint
        assert not bare.depth_file.exists()
    code, _, complaint = trimformer("choose", bare.path)
    assert code == 0, complaint
    assert DepthChoice.load(bare.depth_file).criterion == CRITERIA[DEFAULT].title


def test_a_criterion_that_cannot_be_asked_stops_no_other_the_default_included(
    run: RunFolder, trained_run: RunFolder, tmp_path: Path, trimformer: Any
) -> None:
    profiled = RunFolder(shutil.copytree(run.path, tmp_path / "profiled"))
    for file in (profiled.weights_file, profiled.far_sight_file, profiled.depth_file):
        file.unlink(missing_ok=True)
    code, printed, complaint = trimformer("choose", profiled.path, "--criterion", "all")
    assert code == 0, complaint
    choices = json.loads(profiled.criteria_file.read_text())
    assert (choices[DEFAULT]["status"], choices["rule"]["num_blocks"]) == ("inconclusive", 2)
    assert DepthChoice.load(profiled.depth_file).num_blocks is None
    assert f"{DEFAULT}: " in printed
    bare = RunFolder(shutil.copytree(trained_run.path, tmp_path / "bare"))
    bare.weights_file.unlink()
    code, _, complaint = trimformer("choose", bare.path, "--criterion", "all")
    assert code == 2, complaint
    assert not bare.criteria_file.exists()


def test_a_full_disk_is_no_inconclusive_criterion(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> DepthChoice:
        raise NotWritableError("depth.json", "no space")

    monkeypatch.setitem(CRITERIA, "cka", replace(CRITERIA["cka"], decide=full))
    with pytest.raises(NotWritableError):
        choose_by_all(run)


@pytest.mark.parametrize("options", [[], ["--criterion", "fixed"], ["--criterion", "all"], ["--verify"]])
def test_a_run_without_blocks_has_no_depth_to_choose(
    options: list[str], trained_run: RunFolder, tmp_path: Path, trimformer: Any
) -> None:
    bare = RunFolder(shutil.copytree(trained_run.path, tmp_path / "bare"))
    text = bare.experiment_file.read_text()
    bare.experiment_file.write_text(text.replace("num_blocks = 2", "num_blocks = 0"))
    code, _, complaint = trimformer("choose", bare.path, *options)
    assert code == 2
    assert "A depth is chosen of a model with blocks" in complaint
    assert not bare.depth_file.exists()


def test_the_receptive_field_is_only_read(trained_run: RunFolder) -> None:
    assert MeasuresOfRun(trained_run).receptive_field is None
