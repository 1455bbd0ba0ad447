"""Which run an export is scored on; the reader of exports is exchanged for one that gives the run's own network."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from trimformer.deploy import compared
from trimformer.deploy.compared import open_compared
from trimformer.deploy.deployed import Deployed, open_run, run_digest
from trimformer.deploy.trained_on import trained_on
from trimformer.evaluation.evaluate import evaluate_run
from trimformer.records.errors import UserError
from trimformer.records.run_folder import RunFolder


@pytest.fixture(scope="module")
def run(trained_run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run = RunFolder(tmp_path_factory.mktemp("compared") / "small")
    shutil.copytree(trained_run.path, run.path)
    if not run.last_evaluation_file.exists():
        evaluate_run(run)
    return run


@pytest.fixture
def deployed(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    deployed = replace(open_run(run, trained_on(run)), made_of=run_digest(run))
    monkeypatch.setattr(compared, "open_export", lambda _: deployed)
    monkeypatch.setattr(compared, "is_export", lambda path: path.suffix in compared.KINDS)
    return deployed


def exported(folder: Path, name: str, size: int = 1000) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(bytes(size))
    return folder / name


@pytest.mark.usefixtures("deployed")
def test_the_run_is_found_above_the_export_or_among_those_given(run: RunFolder, tmp_path: Path) -> None:
    beside = exported(run.path / "exports", "small.onnx")
    candidates, unscored = open_compared([beside])
    assert [(one.run.path, one.role) for one in candidates] == [(run.path.resolve(), "ONNX fp32")]
    assert not unscored
    elsewhere = exported(tmp_path, "small.xml", 5000)
    exported(tmp_path, "small.bin", 2_000_000)
    candidates, unscored = open_compared([run.path, elsewhere])
    assert [(one.path, one.role) for one in candidates] == [(run.path, "reference"), (elsewhere, "OpenVINO fp32")]
    assert candidates[1].export is not None
    assert candidates[1].export.file_size_mb == 2.005
    assert (tmp_path / "small.xml.evaluation.json").is_file()
    assert not unscored


def test_an_export_whose_run_is_gone_or_has_changed_has_costs_alone(
    run: RunFolder, deployed: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = exported(tmp_path, "small.onnx")
    monkeypatch.setattr(compared, "open_export", lambda _: replace(deployed, made_of="of other weights"))
    candidates, [bare] = open_compared([file, run.path])
    assert [one.role for one in candidates] == ["reference"]
    assert bare.reason == "The run that it was made of, 'small', is not at hand or has changed since."
    with pytest.raises(UserError, match="A comparison holds a model whose Dice is known") as told:
        open_compared([file])
    assert told.value.next_step == "Give the run folder too."


@pytest.mark.usefixtures("deployed")
def test_an_export_whose_data_are_gone_has_costs_alone_and_says_what_is_missing(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_: RunFolder) -> None:
        raise UserError("The data must be there", "/data/IBSR18", "Mount it.")

    monkeypatch.setattr("trimformer.evaluation.exports.unseen_patients", gone)
    _, [bare] = open_compared([run.path, exported(tmp_path, "small.onnx")])
    assert bare.reason == "The data must be there; found /data/IBSR18."


def test_what_is_neither_a_run_nor_an_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"A run folder holds experiment\.toml"):
        open_compared([tmp_path])
