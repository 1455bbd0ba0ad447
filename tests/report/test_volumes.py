"""The volumes page: what lies in it, who is left out, and that no name gets out of its place."""

import base64
import gzip
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from made_volumes import LABELS, LEFT, RIGHT, made_volume, write_volume_runs

from trimformer.records.errors import UserError
from trimformer.records.shown_volumes import ShownVolume
from trimformer.records.slice_pixels import overlay_pixels
from trimformer.report import write_report
from trimformer.report.pictures import png_uri
from trimformer.report.sources import read_sources
from trimformer.report.volumes import render_volumes
from trimformer.report.volumes.document import patient_words
from trimformer.report.volumes.nifti import label_file, scan_file
from trimformer.report.volumes.stills import most_labelled, stills
from trimformer.report.volumes.turned import towards_ras
from trimformer.report.volumes.viewer import FOLDER, VERSION
from trimformer.report.volumes.windows import windows

HOSTILE = "</script><script>alert(1)</script>"


def rendered(folder: Path) -> str:
    page = render_volumes(folder, read_sources(folder))
    assert page is not None
    return page


def document(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="document">(.*?)</script>', page)
    assert found
    content: dict[str, Any] = json.loads(found[1])
    return content


def read_back(base64_text: str) -> Any:
    return nibabel.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(base64_text)))


def test_the_report_leads_to_one_small_page_that_fetches_nothing(tmp_path: Path) -> None:
    write_volume_runs(tmp_path, {"unetr-12": [made_volume()], "unetr-1": [made_volume()]})
    report = write_report(tmp_path).read_text()
    page = (tmp_path / "volumes.html").read_text()
    assert 'href="volumes.html"' in report
    assert len(page) < 1.3e6
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "default-src 'none'" in page
    assert "Research use; not for diagnosis." in page
    assert "1 of 6 unseen patients are shown, chosen by how much is labelled" in page


def test_files_in_the_page_are_the_volumes_to_the_last_voxel() -> None:
    volume = made_volume(axes="PSR")
    labels, scan = read_back(label_file(volume.truth, volume)), read_back(scan_file(volume))
    assert (np.asarray(labels.dataobj) == volume.truth).all()
    assert labels.header.get_intent()[0] == "label"
    assert scan.get_fdata() == pytest.approx(volume.low + volume.scan * (volume.high - volume.low) / 255, abs=1e-3)
    assert labels.affine == pytest.approx(volume.affine)
    assert nibabel.aff2axcodes(scan.affine) == ("P", "S", "R")


def test_every_patient_has_the_dice_of_every_model(tmp_path: Path) -> None:
    volume = made_volume()
    write_volume_runs(tmp_path, {"a": [volume], "b": [replace(volume, outside=7)]})
    content = document(rendered(tmp_path))
    assert [label["name"] for label in content["labels"]] == ["liver", "left kidney"]
    assert content["patients"][0]["scores"] == [
        {"outside": outside, "mean": "0.450", "labels": {"1": "0.900", "2": "missed: 0"}} for outside in (0, 7)
    ]


def test_predictions_on_other_voxels_are_not_laid_over_the_scan(tmp_path: Path) -> None:
    volume = made_volume()
    moved = replace(volume, affine=volume.affine + np.eye(4, k=3))
    write_volume_runs(tmp_path, {"a": [volume], "b": [moved], "c": [made_volume("sub-02")], "d": [volume]})
    page = rendered(tmp_path)
    assert [score is None for score in document(page)["patients"][0]["scores"]] == [False, True, True, False]
    assert re.findall(r'id="(prediction-[^"]*)"', page) == ["prediction-0-0", "prediction-0-3"]


def test_of_many_models_the_first_six_are_shown_and_the_others_counted(tmp_path: Path) -> None:
    write_volume_runs(tmp_path, {f"model-{number}": [made_volume()] for number in range(8)})
    page = rendered(tmp_path)
    assert len(document(page)["models"]) == 6
    assert "The first 6 models are shown, 2 more are not." in page


def test_names_of_patients_models_and_labels_stay_names(tmp_path: Path) -> None:
    write_volume_runs(tmp_path, {HOSTILE: [made_volume(HOSTILE)]})
    page = rendered(tmp_path)
    assert "alert(1)</script>" not in page
    assert "<script>alert" not in page
    assert document(page)["patients"][0]["name"] == document(page)["models"][0]["name"] == HOSTILE
    scripts = re.findall(r"<script[ >]", page)
    assert len(scripts) == len(re.findall("</script>", page)) == 6


def test_a_damaged_file_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    write_volume_runs(tmp_path, {"a": [made_volume()]})
    (tmp_path / "runs/0/volumes.npz").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"volumes\.npz"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_a_ct_has_the_windows_that_its_greys_allow() -> None:
    def named(volume: ShownVolume) -> list[str]:
        return [window.words for window in windows(volume)]

    assert named(made_volume()) == [
        "Soft tissue, −160 to 240 HU", "Liver, −20 to 140 HU", "Bone, −500 to 1300 HU", "Lung, −1350 to 150 HU",
        "Everything kept, −1024 to 1000 HU",
    ]  # fmt: skip
    assert named(made_volume(low=-125.0, high=275.0)) == [
        "Soft tissue, −160 to 240 HU", "Liver, −20 to 140 HU", "Brain, 0 to 80 HU", "Everything kept, −125 to 275 HU",
    ]  # fmt: skip


def test_other_scans_have_percentiles_of_what_is_not_darkest() -> None:
    scan = np.zeros((10, 10, 11), np.uint8)
    scan[..., 1:] = np.arange(1, 101, dtype=np.uint8).reshape(1, 10, 10)
    volume = made_volume(scan=scan, unit="stored", low=0.0, high=510.0)
    standard, full, *_ = windows(volume)
    assert (standard.words, full.words) == ("Standard, 1 to 99.5 %", "Full, 0 to 100 %")
    assert (full.low, full.high) == (2.0, 200.0)
    assert (standard.low, standard.high) == pytest.approx((2 * 1.99, 2 * 99.505), rel=0.01)


@pytest.mark.parametrize(
    ("axes", "steps"), [("RAS", (1, 2, 3)), ("LPS", (1, 2, 3)), ("SAR", (3, 2, 1)), ("PIR", (3, 1, 2))]
)
def test_volumes_are_turned_whatever_the_file(axes: str, steps: tuple[int, int, int]) -> None:
    turned, expected = towards_ras(made_volume(axes=axes, step=(1, 2, 3))), made_volume(axes="RAS")
    assert turned.is_of_the_same_voxels(expected)
    for name in ("scan", "truth", "prediction"):
        assert (getattr(turned, name) == getattr(expected, name)).all()
    assert turned.step == steps


def test_stills_are_in_radiological_convention_and_in_proportion() -> None:
    volume = made_volume(axes="RAS")
    axial, coronal, sagittal = stills(volume, volume.truth, list(LABELS))
    assert [still.sides for still in (axial, coronal, sagittal)] == ["RLAP", "RLSI", "APSI"]
    assert (axial.width_mm, axial.height_mm, sagittal.width_mm, coronal.height_mm) == (80, 100, 100, 120)
    drawn = overlay_pixels(volume.scan[:, :, 12].astype(np.float32), volume.truth[:, :, 12], list(LABELS))
    assert axial.source == png_uri(drawn)


def test_a_picture_begins_where_most_is_labelled() -> None:
    assert most_labelled(made_volume(axes="RAS").truth) == (RIGHT[0].start, RIGHT[1].start, LEFT[2].start)
    assert most_labelled(np.zeros((4, 6, 9), np.uint8)) == (2, 3, 4)


def test_what_is_not_as_in_the_file_is_said() -> None:
    volume = made_volume(step=(2, 2, 1), num_channels=2, has_geometry=False)
    words = " ".join(patient_words(volume))
    assert "40 × 50 × 30 voxels, each for 2 × 2 × 1 of the scan's" in words
    assert "The first of 2 channels is shown." in words
    assert "no letters at the edges" in words
    assert "kept from −1024 to 1000 in 255 steps" in words
    assert "as coarse as they are" in " ".join(patient_words(replace(volume, unit="normalised")))


def test_the_viewer_is_the_published_file_and_its_licences_go_with_it(tmp_path: Path) -> None:
    checksum, name = (FOLDER / "SHA256SUMS").read_text().split()
    content = (FOLDER / name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == checksum
    assert VERSION in (FOLDER / "README.md").read_text()
    assert f'"{VERSION}"'.encode() in content
    write_volume_runs(tmp_path, {"a": [made_volume()]})
    page = rendered(tmp_path)
    assert "Copyright (c) 2021, Niivue" in page
    assert "Redistributions in binary form must reproduce" in page


def test_a_comparison_whose_runs_have_no_volumes_has_no_page(tmp_path: Path) -> None:
    write_volume_runs(tmp_path, {"a": [], "intensity": []})
    (tmp_path / "runs/1/volumes.npz").unlink()
    assert render_volumes(tmp_path, read_sources(tmp_path)) is None
    (tmp_path / "runs/0/volumes.npz").unlink()
    assert "volumes.html" not in write_report(tmp_path).read_text()
    assert not (tmp_path / "volumes.html").exists()
