import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from trimformer.attention.profile import profile_attention
from trimformer.attention.run_measures import RunMeasures, measure_run
from trimformer.attention.run_subject import RunSubject
from trimformer.models import load_model
from trimformer.records.depth import DepthChoice
from trimformer.records.profile import AttentionProfile
from trimformer.records.progress import silent
from trimformer.records.run_folder import RunFolder
from trimformer.training.train import is_trained

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def few(trained_run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The run with as few patients as there can be, so that measuring it takes seconds."""
    run = RunFolder(shutil.copytree(trained_run.path, tmp_path_factory.mktemp("inspected") / "few"))
    text = run.experiment_file.read_text()
    assert "num_patients = 12" in text
    run.experiment_file.write_text(text.replace("num_patients = 12", "num_patients = 4"))
    return run


@pytest.fixture(scope="module")
def measured(few: RunFolder) -> RunMeasures:
    return measure_run(few, field_slices=1, field_tokens=1)


def copy(run: RunFolder, path: Path) -> RunFolder:
    return RunFolder(shutil.copytree(run.path, path))


def test_a_run_is_measured_and_what_was_written_is_named(trimformer: Command, few: RunFolder, tmp_path: Path) -> None:
    run = copy(few, tmp_path / "run")
    code, printed, _ = trimformer("inspect", run.path, "--field-slices", 1, "--explorer-slices", 1)
    assert code == 0
    for name in ("attention", "similarity", "organs", "receptive_field"):
        assert (run.path / f"{name}.json").is_file()
        assert (run.path / f"{name}.npz").is_file()
        assert f"{name}.json" in printed
    assert run.explorer_file.stat().st_size > 10_000
    assert "explorer.html" in printed
    assert "First block in which the row's organ" in printed
    assert not run.causal_radius_file.exists()
    assert trimformer("choose", run.path, "--criterion", "rule", "--json")[0] == 0
    evidence = DepthChoice.load(run.depth_file).evidence
    assert "effective receptive field" in {gate["name"] for gate in evidence["gates"]}
    assert evidence["receptive_field"]["patients"] > 1


def test_a_few_slices_of_each_patient_are_enough_where_that_is_asked_for(
    trimformer: Command, few: RunFolder, tmp_path: Path
) -> None:
    run = copy(few, tmp_path / "run")
    code, _, complaint = trimformer(
        "inspect", run.path, "--slices", 2, "--field-slices", 0, "--explorer-slices", 0, "--json"
    )
    assert code == 0, complaint
    profile = AttentionProfile.load(run.profile_file, run.profile_arrays)
    subject = RunSubject.of(run)
    two = profile_attention(subject.model, subject.spread_batches(2, "", silent), seed=subject.seed)
    assert profile.patient_ids == two.patient_ids
    assert profile.model["all/entropy"] == pytest.approx(two.model["all/entropy"])


def test_an_experiment_is_inspected_as_its_training_would_begin(
    trimformer: Command, few: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = shutil.copy(few.experiment_file, tmp_path / "mine.toml")
    code, printed, complaint = trimformer("inspect", file, "--field-slices", 0, "--explorer-slices", 0, "--json")
    assert code == 0, complaint
    run = RunFolder(tmp_path / "runs" / "small-untrained")
    assert Path(json.loads(printed)["profile"]).resolve() == run.profile_file
    assert not is_trained(run)
    began, trained = (load_model(folder).state_dict()["head.weight"] for folder in (run.path, few.path))
    assert not torch.equal(began, trained)


def test_runs_side_by_side_with_two_that_fail(
    trimformer: Command, few: RunFolder, measured: RunMeasures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, other = copy(few, tmp_path / "good"), copy(few, tmp_path / "other")
    bad = copy(few, tmp_path / "bad")
    bad.weights_file.unlink()
    drawn: list[tuple[list[str], dict[str, Any]]] = []
    ablated: list[object] = []

    def measure(run: RunFolder, **_: Any) -> RunMeasures:
        load_model(run.path)
        return measured

    def draw(runs: dict[str, RunFolder], place: Path, formats: list[str], **options: Any) -> list[Path]:
        drawn.append((list(runs), options))
        return [place / f"maps.{formats[0]}"]

    monkeypatch.setattr("trimformer.attention.run_measures.measure_run", measure)
    monkeypatch.setattr("trimformer.report.attention.write.write_run_figures", draw)
    monkeypatch.setattr(
        "trimformer.attention.ablation.causal_radius.causal_radius_of_run", lambda *given: ablated.append(given[1])
    )
    monkeypatch.setattr(
        "trimformer.attention.ablation.skip.skipped_blocks_of_run", lambda run, _: ablated.append(run.name)
    )
    options = ["--explorer-slices", 0, "--figures", "--format", "svg", "--out", tmp_path / "figures", "--json"]
    code, printed, complaint = trimformer(
        "inspect", good.path, bad.path, tmp_path / "absent", other.path, *options, "--causal-radius", "--radius", 8
    )
    told = json.loads(printed)
    assert code == 3
    assert list(told["runs"]) == ["good", "other"]
    assert {Path(name).name for name in told["failed"]} == {"bad", "absent"}
    assert "bad was left out" in complaint
    assert not bad.profile_file.exists()
    assert told["runs"]["good"]["left_out"] == {}
    assert told["runs"]["good"]["first_blocks"] == measured.first_blocks()
    assert told["runs"]["good"]["causal_radius"] == str(good.causal_radius_file)
    files = [told["runs"]["other"][name] for name in ("profile", "arrays", "similarity", "organs", "receptive_field")]
    assert all(Path(file).is_file() for file in files)
    assert told["figures"] == [str(tmp_path / "figures" / "maps.svg")]
    assert ablated == [[8.0], "good", [8.0], "other"]
    ((names, given),) = drawn
    assert names == list(given["examples"]) == ["good", "other"]
    assert given["examples"]["good"].shows_the_slice_of(given["examples"]["other"])


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--block", "1", "--slice", "0"], "--block without --figures"),
        (["--slice", "0"], "--slice without --figures"),
        (["--radius", "10"], "--radius without --causal-radius"),
        (["--causal-radius", "--radius", "-4"], "-4"),
        (["--figures", "--format", "gif"], "gif"),
        (["--figures", "--block", "3"], "block 3"),
        (["--figures", "--head", "9"], "head 9"),
        (["--figures", "--patient", "nobody"], "nobody"),
    ],
)
def test_what_cannot_be_drawn_is_told_before_anything_is_measured(
    trimformer: Command, few: RunFolder, options: list[str], found: str
) -> None:
    code, _, complaint = trimformer("inspect", few.path, *options)
    assert code == 2
    assert found in complaint
    assert not few.profile_file.exists()


def test_a_run_named_twice_and_runs_of_which_none_is_left_are_told(
    trimformer: Command, few: RunFolder, tmp_path: Path
) -> None:
    code, _, complaint = trimformer("inspect", few.path, few.path)
    assert code == 2
    assert "Leave one out" in complaint
    assert trimformer("inspect", tmp_path / "a", tmp_path / "b")[0] == 2
