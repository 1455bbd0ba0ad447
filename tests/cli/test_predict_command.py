"""`trimformer predict`, typed as a user types it, with a trained run."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from made_dicom import PATIENT, write_series
from matplotlib.image import imread

from trimformer.data.brain.cohort import make_brain_patient
from trimformer.data.catalogue import load_dataset
from trimformer.inference.predict import network_predictor
from trimformer.models import load_model
from trimformer.records.run_folder import RunFolder

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def scan(trained_run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A patient whom the run reports on, as a file."""
    patient_id = trained_run.manifest()["data"]["validation"][0]
    patient = make_brain_patient(patient_id)
    file: Path = tmp_path_factory.mktemp("scans") / f"{patient_id}.nii.gz"
    nibabel.save(nibabel.Nifti1Image(patient.image[0].astype(np.int16), patient.affine), file)
    return file


def test_a_reported_patients_labels_are_those_that_were_scored(
    trimformer: Typed, trained_run: RunFolder, scan: Path, tmp_path: Path
) -> None:
    output = tmp_path / "labels.nii.gz"
    code, printed, _ = trimformer("predict", trained_run.path, scan, output, "--preview", "--json")
    assert code == 0
    scored = network_predictor(load_model(trained_run.path))(load_dataset(trained_run.experiment().data).validation[0])
    np.testing.assert_array_equal(np.asarray(nibabel.load(output).dataobj), scored)
    (told,) = json.loads(printed)["scans"]
    assert (told["state"], told["label_map"], told["doubts"]) == ("predicted", str(output), [])
    assert set(told["volumes_ml"]) == {"csf", "gray_matter", "white_matter"}
    assert imread(tmp_path / "labels.png").std() > 0.1


def test_a_run_without_its_dataset_or_experiments_files_still_predicts(
    trimformer: Typed, trained_run: RunFolder, scan: Path, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path / "copied")
    run.path.mkdir()
    for file in (run.experiment_file, run.manifest_file, run.model_file, run.weights_file):
        shutil.copy(trained_run.path / file.name, file)
    assert trimformer("predict", run.path, scan, tmp_path / "out")[0] == 0
    assert trimformer("predict", run.path, scan, tmp_path / "out")[1].startswith("kept")


def test_a_run_of_an_older_version_is_told_what_it_lacks(
    trimformer: Typed, trained_run: RunFolder, scan: Path, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path / "old")
    shutil.copytree(trained_run.path, run.path)
    manifest = run.manifest()
    del manifest["data"]["orientations"], manifest["data"]["intensities"]
    run.manifest_file.write_text(json.dumps(manifest))
    code, _, complaint = trimformer("predict", run.path, scan, tmp_path / "out")
    assert (code, complaint.count("Error:")) == (2, 1)
    assert "--orientation" in complaint
    code, _, complaint = trimformer("predict", run.path, scan, tmp_path / "out", "--orientation", "RAS")
    assert code == 0
    assert "does not say which intensities" in complaint


def test_code_that_a_run_names_is_imported_only_where_that_is_trusted(
    trimformer: Typed, trained_run: RunFolder, scan: Path, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path / "named")
    shutil.copytree(trained_run.path, run.path)
    described = json.loads(run.model_file.read_text())
    described["settings"] |= {"name": None, "target": "a_module_that_is_not_there:factory"}
    run.model_file.write_text(json.dumps(described))
    code, _, complaint = trimformer("predict", run.path, scan, tmp_path / "out")
    assert (code, "--trust-target" in complaint) == (2, True)
    code, _, complaint = trimformer("predict", run.path, scan, tmp_path / "out", "--trust-target")
    assert (code, "must be importable" in complaint) == (2, True)


def test_the_exit_code_tells_of_a_batch_that_failed_in_part(
    trimformer: Typed, trained_run: RunFolder, scan: Path, tmp_path: Path
) -> None:
    given = tmp_path / "in"
    for name in ("a", "b"):
        given.mkdir(exist_ok=True)
        shutil.copy(scan, given / f"{name}.nii.gz")
    (given / "b.nii.gz").write_bytes(scan.read_bytes()[:5000])
    code, printed, complaint = trimformer("predict", trained_run.path, given, tmp_path / "out")
    assert (code, complaint.count("Error:")) == (3, 1)
    assert "b.nii.gz" in complaint
    assert printed.startswith("predicted: ")
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"a.nii.gz", "a.json"}
    (given / "a.nii.gz").write_bytes(b"")
    assert trimformer("predict", trained_run.path, given, tmp_path / "none")[0] == 2
    assert trimformer("predict", trained_run.path, given / "b.nii.gz", tmp_path / "none")[0] == 2
    assert not (tmp_path / "none").exists()


def test_no_patient_is_named_on_the_terminal(trimformer: Typed, trained_run: RunFolder, tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).integers(0, 200, (20, 24, 5)).astype(np.int16)
    files = write_series(tmp_path / "in" / PATIENT, voxels, name=lambda index: f"{PATIENT}{index}.dcm")
    for code in (0, 2):
        ended, printed, complaint = trimformer("predict", trained_run.path, tmp_path / "in", tmp_path / "out")
        assert ended == code
        assert PATIENT not in printed + complaint
        assert "DICOM folder 1 of 1" in printed + complaint
        files[2].unlink(missing_ok=True)  # the second time a slice is missing
