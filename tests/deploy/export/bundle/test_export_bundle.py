"""A bundle is there whole or not at all, and in place of nothing but a bundle."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from made_bundle import schema, write_scan
from made_export import made_run
from monai.bundle import load, verify_net_in_out
from typer.testing import CliRunner

from trimformer.cli.app import app
from trimformer.data.preprocessing import Preprocessing
from trimformer.deploy.export.bundle.bundle import FILES
from trimformer.deploy.export.bundle.export_bundle import export_bundle
from trimformer.deploy.export.subject import Subject
from trimformer.records.errors import UserError
from trimformer.records.run_folder import RunFolder

SIZE = 32


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return made_run(tmp_path_factory.mktemp("runs") / "made", preprocessing=Preprocessing(SIZE, slice_axis=1))


@pytest.fixture(scope="module")
def bundle(run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_bundle(run, tmp_path_factory.mktemp("out"), lambda: Subject.of(run, "fp32"), overwrite=False)


def files_in(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def never() -> Subject:
    raise AssertionError("the network was loaded before the place was looked at")


def test_it_holds_these_files_and_no_others(bundle: Path) -> None:
    assert bundle.name == "made-bundle"
    assert files_in(bundle) == set(FILES)
    assert "Apache License" in (bundle / "LICENSE").read_text()
    assert json.loads((bundle / "docs" / "trimformer.json").read_text())["name"] == "made"
    assert "bright" in (bundle / "docs" / "README.md").read_text()


def test_monai_finds_the_channels_that_the_metadata_promise(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bundle)
    configs = {"meta_file": "configs/metadata.json", "config_file": "configs/inference.json"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        verify_net_in_out("network_def", **configs, device="cpu", any=24)
        with pytest.raises(ValueError, match="output channel number"):
            verify_net_in_out(
                "network_def", **configs, device="cpu", **{"_meta_#network_data_format#outputs#pred#num_channels": 4}
            )


def test_monai_loads_the_weights_into_the_network(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bundle)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = load(bundle.name, workflow_type="inference", bundle_dir=bundle.parent, device="cpu")
    weights = torch.load(bundle / "models" / "model.pt", weights_only=True)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in network.state_dict().items())


def test_a_bundle_is_replaced_where_that_was_asked_for(run: RunFolder, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("old")
    with pytest.raises(UserError, match="Nothing is overwritten unasked"):
        export_bundle(run, folder, never, overwrite=False)
    export_bundle(run, folder, lambda: Subject.of(run, "fp32"), overwrite=True)
    assert (folder / "LICENSE").read_text() != "old"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_it_tells_how_far_it_is(run: RunFolder, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    export_bundle(run, tmp_path, lambda: Subject.of(run, "fp32"), False, lambda *words: told.append(words))
    assert told == [("exporting made", done, 3) for done in range(4)]


@pytest.mark.parametrize("other", ["eval/scan_seg.nii.gz", "configs/mine.json"])
def test_a_folder_with_anything_else_in_it_is_never_replaced(other: str, run: RunFolder, tmp_path: Path) -> None:
    for name in (*FILES, other):
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name).write_text("kept")
    with pytest.raises(UserError, match=f"replaces nothing but a bundle; found .*{other}"):
        export_bundle(run, tmp_path / "mine", never, overwrite=True)
    assert (tmp_path / "mine" / other).read_text() == "kept"


def test_neither_a_file_nor_a_link_is_replaced(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "link"):
        with pytest.raises(UserError, match="A bundle is a folder"):
            export_bundle(run, tmp_path / name, never, overwrite=True)


def test_nothing_is_left_of_a_bundle_that_gives_other_scores(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoilt(_: Path) -> torch.nn.Module:
        return torch.nn.Conv2d(1, 3, 1)

    monkeypatch.setattr("trimformer.deploy.export.bundle.bundle.read_archive", spoilt)
    with pytest.raises(UserError, match="gives its network's logits"):
        export_bundle(run, tmp_path / "mine", lambda: Subject.of(run, "fp32"), overwrite=False)
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_fixes_the_number_of_slices_is_refused(run: RunFolder, tmp_path: Path) -> None:
    subject = Subject.of(run, "fp32")
    forward = subject.model.forward
    subject.model.forward = lambda images: forward(images).reshape(len(images), 3, SIZE, SIZE)
    with pytest.raises(UserError, match="takes any number of slices"):
        export_bundle(run, tmp_path / "mine", lambda: subject, overwrite=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_monais_command_line_runs_it_where_trimformer_is_not_installed(run: RunFolder, tmp_path: Path) -> None:
    told = CliRunner().invoke(
        app, ["export", str(run.path), "--format", "monai-bundle", "--out", str(tmp_path), "--json"]
    )
    bundle = Path(json.loads(told.stdout)["export"])
    scan = write_scan(tmp_path / "scans" / "scan.nii.gz", (31, 23, 17), "PIR")
    (tmp_path / "schema.json").write_text(json.dumps(schema()))
    (tmp_path / "trimformer.py").write_text("raise ImportError('not in this hospital')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}

    def monai(*words: str) -> str:
        command = [sys.executable, "-m", "monai.bundle", *words]
        done = subprocess.run(command, cwd=bundle, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    verified = monai(
        *("verify_metadata", "--meta_file", "configs/metadata.json", "--filepath", str(tmp_path / "schema.json"))
    )
    assert "metadata is verified with no error" in verified
    places = ("--dataset_dir", str(scan.parent), "--output_dir", str(tmp_path / "theirs"))
    monai("run", "--config_file", "configs/inference.json", *places)
    CliRunner().invoke(app, ["predict", str(run.path), str(scan), str(tmp_path / "ours.nii.gz")])
    theirs, ours = nibabel.load(tmp_path / "theirs" / "scan_seg.nii.gz"), nibabel.load(tmp_path / "ours.nii.gz")
    np.testing.assert_allclose(theirs.affine, nibabel.load(scan).affine, rtol=0, atol=1e-5)
    assert np.mean(np.asarray(theirs.dataobj) != np.asarray(ours.dataobj)) <= 1e-3
