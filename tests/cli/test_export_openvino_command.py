"""`trimformer export --format openvino`, typed as a user types it, with a trained run, and predicted with."""

import json
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from trimformer.data.brain.cohort import make_brain_patient
from trimformer.records.run_folder import RunFolder

Typed = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(("precision", "may_differ"), [("fp32", 0.001), ("int8", 0.02)])
def test_an_export_gives_the_runs_label_map(
    trimformer: Typed, trained_run: RunFolder, tmp_path: Path, precision: str, may_differ: float
) -> None:
    given = ("--format", "openvino", "--precision", precision, "--json")
    code, printed, complaint = trimformer("export", trained_run.path, *given, "--out", tmp_path)
    assert code == 0, complaint
    file = Path(json.loads(printed)["export"])
    assert file.name == ("small.xml" if precision == "fp32" else "small-int8.xml")
    assert {path.name for path in tmp_path.iterdir()} == {file.name, f"{file.stem}.bin", f"{file.name}.md"}
    patient = make_brain_patient(trained_run.manifest()["data"]["validation"][0])
    scan = tmp_path / "scan.nii.gz"
    nibabel.save(nibabel.Nifti1Image(patient.image[0].astype(np.int16), patient.affine), scan)
    labels = []
    for name, model in (("run", trained_run.path), ("export", file)):
        assert trimformer("predict", model, scan, tmp_path / name / "labels.nii.gz")[0] == 0
        labels.append(np.asarray(nibabel.load(tmp_path / name / "labels.nii.gz").dataobj))
    assert (labels[0] > 0).mean() > 0.05
    assert (labels[0] != labels[1]).mean() <= may_differ


def test_int8_is_refused_where_a_format_has_none(trimformer: Typed, trained_run: RunFolder, tmp_path: Path) -> None:
    code, _, complaint = trimformer("export", trained_run.path, "--precision", "int8", "--out", tmp_path)
    assert (code, complaint.count("Error:")) == (2, 1)
    assert "--format openvino" in complaint
    assert not [*tmp_path.iterdir()]
