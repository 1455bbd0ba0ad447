"""The script in `examples` that predicts with an export, beside `trimformer predict`, which it knows nothing of."""

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from made_deployed import AFFINE, SHAPE, labels_in, made_scan, predicted, save
from made_export import made_carried, made_onnx
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform
from onnx import numpy_helper

from trimformer.data.preprocessing import Preprocessing
from trimformer.deploy.open_model import open_model

SCRIPT = Path(__file__).parents[2] / "examples" / "predict_onnx.py"

DIFFERING = 1e-3
"""Of the voxels, at most: what is rounded last differs in its last bit."""


def odd_scan(file: Path, codes: str, seed: int = 0) -> Path:
    """Thick slices in these axes, with a slope and intercept."""
    image = nibabel.Nifti1Image(made_scan(seed), AFFINE)
    turned = image.as_reoriented(ornt_transform(io_orientation(AFFINE), axcodes2ornt(codes)))
    turned.header.set_slope_inter(0.5, -20)
    nibabel.save(turned, file)
    return file


def test_it_has_forty_lines_and_runs_without_torch_and_trimformer(exported_run: Path, tmp_path: Path) -> None:
    assert len(SCRIPT.read_text().splitlines()) <= 40
    scan = odd_scan(tmp_path / "scan.nii.gz", "PSL")
    alone = (
        "import runpy, sys\n"
        "sys.modules.update(torch=None, trimformer=None)\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    typed = [sys.executable, "-c", alone, str(SCRIPT), str(exported_run), str(scan), str(tmp_path / "script.nii.gz")]
    ended = subprocess.run(typed, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    predicted(scan, tmp_path / "ours.nii.gz", open_model(exported_run))
    script, ours = labels_in(tmp_path / "script.nii.gz"), labels_in(tmp_path / "ours.nii.gz")
    assert (script != ours).mean() <= DIFFERING
    assert len(np.unique(ours)) > 1


@pytest.mark.parametrize("codes", ["LAS", "RAS", "PIR"])
@pytest.mark.parametrize(
    "told",
    [
        {},
        {"slice_axis": 0, "crop": 15},
        {"slice_axis": 1, "crop": 30, "orientation": "SRP"},
        {"clip": (50.0, 400.0), "crop": 20},
    ],
)
def test_it_follows_every_preprocessing(
    told: dict[str, Any], codes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried = made_carried(
        num_channels=2, preprocessing=Preprocessing(14, **told), orientations=("LAS", "RAS"), intensities=None
    )
    weights = np.random.default_rng(1).normal(size=(3, 2, 1, 1)).astype(np.float32)
    model = made_onnx(
        tmp_path / "made.onnx", carried.document(), numpy_helper.from_array(weights, "weights"), shape=(2, 14, 14)
    )
    scans = [odd_scan(tmp_path / f"scan_000{channel}.nii.gz", codes, channel) for channel in (0, 1)]
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(model), *map(str, scans), str(tmp_path / "script.nii.gz")])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    (outcome,) = predicted(scans[0], tmp_path / "ours.nii.gz", open_model(model))
    assert outcome.outputs is not None
    script, ours = (nibabel.load(tmp_path / f"{name}.nii.gz") for name in ("script", "ours"))
    np.testing.assert_array_equal(script.affine, ours.affine)
    for code in ("qform_code", "sform_code"):
        assert script.header[code] == ours.header[code]
    assert script.get_data_dtype() == np.uint8
    assert (np.asarray(script.dataobj) != np.asarray(ours.dataobj)).mean() <= DIFFERING
    assert (np.bincount(np.asarray(ours.dataobj).ravel()) > 20).sum() == 3


def test_channels_may_be_the_last_axis_of_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    carried = made_carried(num_channels=2, intensities=None, preprocessing=Preprocessing(14))
    weights = np.random.default_rng(1).normal(size=(3, 2, 1, 1)).astype(np.float32)
    model = made_onnx(
        tmp_path / "made.onnx", carried.document(), numpy_helper.from_array(weights, "weights"), shape=(2, 14, 14)
    )
    scan = save(tmp_path / "scan.nii.gz", np.stack([made_scan(0), made_scan(1)], axis=3))
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(model), str(scan), str(tmp_path / "script.nii.gz")])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    predicted(scan, tmp_path / "ours.nii.gz", open_model(model))
    labels = labels_in(tmp_path / "script.nii.gz")
    assert labels.shape == SHAPE
    assert (labels != labels_in(tmp_path / "ours.nii.gz")).mean() <= DIFFERING
