"""Scans in, label maps out: in every orientation, once, and never at the cost of anything else."""

import gzip
import itertools
import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from made_deployed import AFFINE, LABELS, labels_in, made_deployed, made_scan, predicted, save
from made_dicom import PATIENT, write_series
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

from trimformer.data.patient import Patient
from trimformer.data.preparation.slices import to_slices
from trimformer.data.preprocessing import Preprocessing
from trimformer.deploy.outputs import Outputs
from trimformer.deploy.written import Wanted
from trimformer.inference.predict import predict_labels
from trimformer.records.errors import NotWritableError, UserError
from trimformer.records.prediction import Prediction

AXES = ("RAS", "LPS", "LAS", "SAR", "PIR", "ILA", "ASL", "IPL")


def reoriented(image: Any, codes: str) -> Any:
    return image.as_reoriented(ornt_transform(io_orientation(image.affine), axcodes2ornt(codes)))


def error_of(outcomes: list[Any]) -> UserError:
    (outcome,) = outcomes
    assert outcome.state == "failed"
    assert isinstance(outcome.error, UserError)
    return outcome.error


@pytest.mark.parametrize(
    "preprocessing", [Preprocessing(16), Preprocessing(16, 1, "RAS"), Preprocessing(16, 0, crop=16)]
)
def test_a_scan_has_the_same_labels_in_every_orientation(preprocessing: Preprocessing, tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(made_scan(), AFFINE)
    expected = None
    for codes in AXES:
        turned = reoriented(image, codes)
        nibabel.save(turned, tmp_path / f"{codes}.nii.gz")
        (outcome,) = predicted(tmp_path / f"{codes}.nii.gz", tmp_path / "out", preprocessing=preprocessing)
        assert outcome.outputs is not None
        label_map = nibabel.load(outcome.outputs.label_map)
        np.testing.assert_array_equal(label_map.affine, nibabel.load(tmp_path / f"{codes}.nii.gz").affine)
        labels = np.asarray(reoriented(label_map, "LAS").dataobj)
        expected = labels if expected is None else expected
        np.testing.assert_array_equal(labels, expected)
    assert expected is not None
    assert set(np.unique(expected)) == {0, *LABELS}


def test_the_labels_are_those_of_the_training_scans_way_to_the_model(tmp_path: Path) -> None:
    preprocessing = Preprocessing(16, 2)
    deployed = made_deployed(preprocessing=preprocessing)
    predicted(save(tmp_path / "scan.nii", made_scan()), tmp_path / "out.nii", deployed)
    slices = to_slices(Patient("scan", made_scan().astype(np.float32), None, AFFINE), preprocessing)
    np.testing.assert_array_equal(labels_in(tmp_path / "out.nii"), predict_labels(deployed.network, slices))


def test_volumes_stand_beside_the_label_map(tmp_path: Path) -> None:
    (outcome,) = predicted(save(tmp_path / "scan.nii.gz", made_scan()), tmp_path / "out")
    found, labels = outcome.prediction, labels_in(tmp_path / "out" / "scan.nii.gz")
    assert found == Prediction.load(tmp_path / "out" / "scan.json")
    voxel_ml = abs(np.linalg.det(AFFINE[:3, :3])) / 1000
    assert found is not None
    assert found.volumes_ml == pytest.approx(
        {name: (labels == v).sum() * voxel_ml for v, name in LABELS.items()}, rel=1e-5
    )
    assert (found.name, found.run, found.axes, found.shape) == ("scan", "made", "LAS", made_scan().shape)
    assert (found.doubts, found.metadata, found.files) == ((), None, ("scan.json", "scan.nii.gz"))


def test_what_is_done_is_kept_and_what_is_missing_is_made(tmp_path: Path) -> None:
    scan, out = save(tmp_path / "in" / "a.nii.gz", made_scan()), tmp_path / "out"
    save(tmp_path / "in" / "b.nii.gz", made_scan(1))
    assert [outcome.state for outcome in predicted(tmp_path / "in", out)] == ["predicted", "predicted"]
    before = {file.name: file.stat().st_mtime_ns for file in out.iterdir()}
    assert [outcome.state for outcome in predicted(tmp_path / "in", out)] == ["kept", "kept"]
    assert {file.name: file.stat().st_mtime_ns for file in out.iterdir()} == before
    (out / "a.nii.gz").unlink()
    (out / ".a.nii.gz.partial").mkdir()  # of a process that was killed
    assert [outcome.state for outcome in predicted(tmp_path / "in", out)] == ["predicted", "kept"]
    assert sorted(file.name for file in out.iterdir()) == sorted(before)
    assert [outcome.state for outcome in predicted(scan, out, wanted=Wanted(probabilities=True))] == ["predicted"]
    assert [outcome.state for outcome in predicted(scan, out)] == ["kept"]
    assert Prediction.load(out / "a.json").files == ("a.json", "a.nii.gz", "a_probabilities.nii.gz")


def test_nothing_of_another_scan_or_model_is_overwritten_unasked(tmp_path: Path) -> None:
    scan, out = save(tmp_path / "a.nii.gz", made_scan()), tmp_path / "out"
    predicted(scan, out)
    labels = (out / "a.nii.gz").read_bytes()
    other = made_deployed("two")
    assert "--overwrite" in error_of(predicted(scan, out, other)).next_step
    save(scan, made_scan(1))
    assert "overwritten" in error_of(predicted(scan, out)).rule
    assert (out / "a.nii.gz").read_bytes() == labels
    assert predicted(scan, out, other, Wanted(overwrite=True))[0].state == "predicted"
    assert (out / "a.nii.gz").read_bytes() != labels
    (out / "a_probabilities.nii.gz").write_text("somebody's")
    assert "a_probabilities" in error_of(predicted(scan, out, other, Wanted(probabilities=True))).found
    (tmp_path / "b.nii").write_text("somebody's")
    assert "b.nii" in error_of(predicted(scan, tmp_path / "b.nii")).found
    assert (tmp_path / "b.nii").read_text() == "somebody's"


def test_the_input_is_never_an_output(tmp_path: Path) -> None:
    scan = save(tmp_path / "a.nii.gz", made_scan())
    (tmp_path / "hard.nii.gz").hardlink_to(scan)
    (tmp_path / "soft.nii.gz").symlink_to(scan)
    content = scan.read_bytes()
    for output in (scan, tmp_path, tmp_path / "hard.nii.gz", tmp_path / "soft.nii.gz"):
        assert "never the input" in error_of(predicted(scan, output, wanted=Wanted(overwrite=True))).rule
    assert scan.read_bytes() == content
    assert {file.name for file in tmp_path.iterdir()} == {"a.nii.gz", "hard.nii.gz", "soft.nii.gz"}


def test_one_bad_file_stops_none_of_the_others_and_leaves_nothing(tmp_path: Path) -> None:
    given = tmp_path / "in"
    for name in ("a", "b", "c"):
        save(given / f"{name}.nii.gz", made_scan())
    (given / "b.nii.gz").write_bytes((given / "b.nii.gz").read_bytes()[:-200])
    outcomes = predicted(given, tmp_path / "out")
    assert [outcome.state for outcome in outcomes] == ["predicted", "failed", "predicted"]
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"a.nii.gz", "a.json", "c.nii.gz", "c.json"}


RGB = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])

BAD = {
    "a series": (np.stack([made_scan()] * 3, axis=-1), "three axes"),
    "one value": (np.full((8, 8, 8), 7, np.int16), "voxels of an image differ"),
    "nothing": (np.zeros((0, 8, 8), np.int16), "whole|voxels"),
    "not finite": (np.where(made_scan() > 500, np.nan, 1.0).astype(np.float32), "finite"),
    "colours": (np.zeros((8, 8, 8), RGB), "grey"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_in_one_message_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    voxels, rule = BAD[name]
    scan = save(tmp_path / "scan.nii", voxels)
    error = error_of(predicted(scan, tmp_path / "out"))
    assert any(part in error.rule for part in rule.split("|"))
    assert str(scan) in error.found
    assert not (tmp_path / "out").exists()


def test_a_scan_of_other_channels_is_refused(tmp_path: Path) -> None:
    scan = save(tmp_path / "scan.nii", made_scan())
    assert "2 channels" in error_of(predicted(scan, tmp_path / "out", num_channels=2)).rule
    write_series(tmp_path / "series", made_scan())
    assert "2 channels" in error_of(predicted(tmp_path / "series", tmp_path / "out", num_channels=2)).rule


def test_several_channels_are_read_from_files_or_from_the_last_axis(tmp_path: Path) -> None:
    spans = ((-1e4, 1e4),) * 2
    for index in range(2):
        save(tmp_path / f"split_000{index}.nii", made_scan(index))
    save(tmp_path / "whole.nii", np.stack([made_scan(0), made_scan(1)], axis=-1))
    outcomes = predicted(tmp_path, tmp_path / "out", num_channels=2, intensities=spans)
    assert [outcome.state for outcome in outcomes] == ["predicted", "predicted"]
    one, other = (labels_in(tmp_path / "out" / f"{name}.nii.gz") for name in ("split", "whole"))
    np.testing.assert_array_equal(one, other)
    assert other.shape == made_scan().shape


def test_a_ct_given_to_a_model_of_another_kind_is_doubted_by_name(tmp_path: Path) -> None:
    (outcome,) = predicted(save(tmp_path / "scan.nii", made_scan()), tmp_path / "out", intensities=((0.0, 1.0),))
    assert outcome.prediction is not None
    assert "far outside those of training, 0 to 1" in outcome.prediction.doubts[0]
    assert json.loads((tmp_path / "out" / "scan.json").read_text())["doubts"] == list(outcome.prediction.doubts)


def test_a_dicom_series_and_the_same_scan_as_nifti_have_the_same_labels(tmp_path: Path) -> None:
    write_series(tmp_path / "series", made_scan())
    (outcome,) = predicted(tmp_path / "series", tmp_path / "dicom.nii.gz")
    label_map = nibabel.load(tmp_path / "dicom.nii.gz")
    np.testing.assert_allclose(label_map.affine[:3, 3], (12, -7.5, 30.25))
    save(tmp_path / "scan.nii", made_scan(), label_map.affine)
    predicted(tmp_path / "scan.nii", tmp_path / "nifti.nii.gz")
    np.testing.assert_array_equal(np.asarray(label_map.dataobj), labels_in(tmp_path / "nifti.nii.gz"))
    assert outcome.prediction is not None
    assert outcome.prediction.spacing_mm == pytest.approx((0.8, 0.7, 2.5))


def everything_in(folder: Path) -> bytes:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    contents = [file.read_bytes() for file in files]
    unpacked = [gzip.decompress(content) for content in contents if content[:2] == b"\x1f\x8b"]
    return b"\n".join([*contents, *unpacked, *(str(file.relative_to(folder)).encode() for file in files)])


def test_nothing_that_dicom_says_of_a_patient_is_in_the_outputs_unless_it_is_kept(tmp_path: Path) -> None:
    place = tmp_path / "in" / PATIENT
    write_series(place, made_scan(), name=lambda index: f"{PATIENT}-{index:03d}")
    wanted: dict[str, Any] = {"probabilities": True, "draw": lambda _, path: path.write_bytes(b"drawn")}
    (outcome,) = predicted(tmp_path / "in", tmp_path / "out", wanted=Wanted(**wanted))
    assert outcome.state == "predicted"
    text = everything_in(tmp_path / "out")
    for personal in ("Mustermann", "4711", "1.2.826.0.1"):
        assert personal.encode() not in text
    predicted(tmp_path / "in", tmp_path / "kept", wanted=Wanted(**wanted, keep_metadata=True))
    assert {file.name for file in (tmp_path / "kept").iterdir()} > {f"{PATIENT}.nii.gz", f"{PATIENT}.json"}
    kept = Prediction.load(tmp_path / "kept" / f"{PATIENT}.json").metadata
    assert kept is not None
    assert (kept["PatientName"], kept["PatientID"]) == (PATIENT, "4711-0815")


def test_a_full_disk_ends_the_batch_and_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "a.nii", made_scan())

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("trimformer.deploy.written.write_labels", full)
    with pytest.raises(NotWritableError, match="No space left"):
        predicted(tmp_path / "a.nii", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("moves", [1, 2, 3])
def test_a_kill_between_two_files_leaves_no_label_map_under_anothers_description(
    moves: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan, out = save(tmp_path / "a.nii", made_scan()), tmp_path / "out"
    predicted(scan, out, made_deployed("one"))
    left, replace = itertools.count(), Path.replace  # its first use writes the description, not yet in its place

    def killed(self: Path, target: Path) -> Path:
        if next(left) >= moves:
            raise KeyboardInterrupt
        return replace(self, target)

    other, wanted = made_deployed("two"), Wanted(probabilities=True, overwrite=True)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            predicted(scan, out, other, wanted)
    assert not (out / "a.nii.gz").exists()
    assert predicted(scan, out, other, wanted)[0].state == "predicted"
    assert Outputs(out / "a.nii.gz").own_files(Prediction.load(out / "a.json").digest)
