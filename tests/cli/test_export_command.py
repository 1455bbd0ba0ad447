"""`trimformer export`, typed as a user types it, and `trimformer predict` with what it wrote."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from made_export import made_run

from trimformer.data.brain.cohort import make_brain_patient
from trimformer.deploy.export import export as exporting
from trimformer.deploy.export.subject import Subject
from trimformer.deploy.open_model import open_model
from trimformer.records.errors import UserError
from trimformer.records.run_folder import RunFolder

Typed = Callable[..., tuple[int, str, str]]


def test_an_export_predicts_the_runs_label_map(
    trimformer: Typed, trained_run: RunFolder, exported_run: Path, tmp_path: Path
) -> None:
    patient = make_brain_patient(trained_run.manifest()["data"]["validation"][0])
    scan = nibabel.Nifti1Image(patient.image[0].astype(np.int16), patient.affine)
    nibabel.save(scan.as_reoriented(np.array([[1, -1], [2, 1], [0, 1]])), tmp_path / "scan.nii.gz")
    maps = []
    for number, model in enumerate((trained_run.path, exported_run)):
        output = tmp_path / f"{number}.nii.gz"
        code, printed, complaint = trimformer("predict", model, tmp_path / "scan.nii.gz", output, "--json")
        assert (code, complaint, json.loads(printed)["run"]) == (0, "", str(model))
        maps.append(np.asarray(nibabel.load(output).dataobj))
    assert (maps[0] != maps[1]).mean() <= 1e-3
    assert (np.bincount(maps[0].ravel()) / maps[0].size > 0.02).sum() >= 3
    assert trimformer("predict", exported_run, tmp_path / "scan.nii.gz", output)[1].startswith("kept")


def test_the_card_is_that_of_the_run(trained_run: RunFolder, exported_run: Path) -> None:
    card = exported_run.with_name("small.onnx.md").read_text()
    assert card.startswith("# small\n")
    assert "trimformer predict small.onnx" in card
    assert f"SHA-256 of the run's model and weights: {open_model(trained_run.path).digest}" in card


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A format that is written at once."""

    def write(subject: Subject, file: Path) -> None:
        file.write_text(subject.carried.name)

    monkeypatch.setitem(exporting.FORMATS, "onnx", exporting.Format((".onnx",), (), write, "Open {file}."))


@pytest.mark.usefixtures("quick")
def test_an_export_goes_into_the_run_unless_another_place_is_named(trimformer: Typed, tmp_path: Path) -> None:
    run = made_run(tmp_path / "made")
    code, printed, _ = trimformer("export", run.path, "--format", "onnx", "--json")
    assert (code, json.loads(printed)["export"]) == (0, str(run.path / "exports" / "made.onnx"))
    assert {file.name for file in (run.path / "exports").iterdir()} == {"made.onnx", "made.onnx.md"}
    (tmp_path / "out").mkdir()
    assert trimformer("export", run.path, "--out", tmp_path / "out")[0] == 0
    assert (tmp_path / "out" / "made.onnx.md").is_file()
    code, printed, _ = trimformer("export", run.path, "--out", tmp_path / "new" / "other.onnx")
    assert (code, "other.onnx" in printed) == (0, True)
    assert "Open other.onnx." in (tmp_path / "new" / "other.onnx.md").read_text()
    code, _, complaint = trimformer("export", run.path, "--out", tmp_path / "other.pt")
    assert (code, "ends in .onnx" in complaint) == (2, True)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", ["made.onnx", "made.onnx.md"])
def test_nothing_is_overwritten_unasked(name: str, trimformer: Typed, tmp_path: Path) -> None:
    run, there = made_run(tmp_path / "made"), tmp_path / name
    there.write_text("mine")
    code, _, complaint = trimformer("export", run.path, "--out", tmp_path / "made.onnx")
    assert (code, complaint.count("Error:"), there.read_text()) == (2, 1, "mine")
    assert len(list(tmp_path.iterdir())) == 2
    assert trimformer("export", run.path, "--out", tmp_path / "made.onnx", "--overwrite")[0] == 0
    assert there.read_text() != "mine"


def test_what_fails_leaves_nothing_behind(trimformer: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(subject: Subject, file: Path) -> None:
        file.write_bytes(bytes(10))
        raise UserError("It works", subject.run.name, "Mend it.")

    monkeypatch.setitem(exporting.FORMATS, "onnx", exporting.Format((".onnx",), (), fail, ""))
    run = made_run(tmp_path / "made")
    assert trimformer("export", run.path, "--out", tmp_path / "out" / "made.onnx")[0] == 2
    assert not list((tmp_path / "out").iterdir())
    monkeypatch.setitem(exporting.FORMATS, "onnx", exporting.Format((".onnx",), ("not_there",), fail, ""))
    assert "not_there not installed" in trimformer("export", run.path)[2]


@pytest.mark.usefixtures("quick")
def test_code_that_a_run_names_is_imported_only_where_that_is_trusted(trimformer: Typed, tmp_path: Path) -> None:
    run = made_run(tmp_path / "made")
    described: dict[str, Any] = json.loads(run.model_file.read_text())
    described["settings"] |= {"name": None, "target": "a_module_that_is_not_there:factory"}
    run.model_file.write_text(json.dumps(described))
    assert "--trust-target" in trimformer("export", run.path)[2]
    assert "must be importable" in trimformer("export", run.path, "--trust-target")[2]
