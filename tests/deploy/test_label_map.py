"""The grid of a label map is that of its scan, field by field and to the last bit, and nothing else is taken along."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from made_deployed import AFFINE, SHAPE

from trimformer.deploy.label_map import grid_header, write_labels

LABELS = np.random.default_rng(1).integers(0, 3, SHAPE).astype(np.uint8)
NAME = b"Mustermann^Erika"


def written(scan: Path, tmp_path: Path, keep_texts: bool = False) -> Any:
    header = grid_header(scan, np.eye(4), SHAPE, keep_texts)
    write_labels(tmp_path / "out.nii.gz", LABELS, header)
    return nibabel.load(tmp_path / "out.nii.gz")


def assert_same_grid(one: Any, other: Any) -> None:
    np.testing.assert_array_equal(one.affine, other.affine)
    for fields in ("qform_code", "sform_code", "srow_x", "srow_y", "srow_z", "quatern_b", "quatern_c", "quatern_d"):
        assert one.header[fields].tobytes() == other.header[fields].tobytes(), fields
    assert one.header["pixdim"][:4].tobytes() == other.header["pixdim"][:4].tobytes()
    assert one.header.get_xyzt_units() == other.header.get_xyzt_units()


@pytest.mark.parametrize("codes", [(0, 0), (1, 0), (0, 1), (2, 1), (1, 4), (3, 2)])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_both_forms_and_their_codes_come_back(kind: Any, codes: tuple[int, int], tmp_path: Path) -> None:
    scan = kind(np.zeros(SHAPE, np.float32), None)
    scan.header.set_xyzt_units("micron", "msec")
    other = AFFINE + np.diag([0.01, 0.02, 0.03, 0])
    scan.set_qform(AFFINE, codes[0], strip_shears=True)
    scan.set_sform(other, codes[1])
    scan.to_filename(tmp_path / "scan.nii")
    stored, label_map = nibabel.load(tmp_path / "scan.nii"), written(tmp_path / "scan.nii", tmp_path)
    assert type(label_map) is kind
    assert label_map.shape == SHAPE
    assert_same_grid(label_map, stored)
    assert (label_map.get_data_dtype(), label_map.header.get_intent()[0]) == (np.uint8, "label")
    np.testing.assert_array_equal(np.asarray(label_map.dataobj), LABELS)


@pytest.mark.parametrize(
    ("dtype", "slope", "inter"),
    [(np.int16, 1, 0), (np.uint8, 2, 1), (np.float64, 1, 0), (np.int32, 0.5, -1024), (">f4", 1, 0)],
)
def test_types_and_scaling_of_the_scan_are_not_taken_along(
    dtype: Any, slope: float, inter: float, tmp_path: Path
) -> None:
    scan = nibabel.Nifti1Image(np.ones(SHAPE, dtype), AFFINE)
    scan.header.set_data_dtype(dtype)
    scan.header.set_slope_inter(slope, inter)
    scan.to_filename(tmp_path / "scan.nii.gz")
    label_map = written(tmp_path / "scan.nii.gz", tmp_path)
    assert_same_grid(label_map, nibabel.load(tmp_path / "scan.nii.gz"))
    assert (label_map.dataobj.slope, label_map.dataobj.inter) == (1, 0)
    np.testing.assert_array_equal(np.asarray(label_map.dataobj), LABELS)


@pytest.mark.parametrize("shape", [(*SHAPE, 1), (*SHAPE[:2],), SHAPE])
def test_axes_of_length_one_are_those_of_the_scan(shape: tuple[int, ...], tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.ones(shape, np.int16), AFFINE), tmp_path / "scan.nii")
    labels = LABELS[..., :1] if len(shape) == 2 else LABELS
    write_labels(tmp_path / "out.nii", labels, grid_header(tmp_path / "scan.nii", AFFINE, labels.shape))
    label_map = nibabel.load(tmp_path / "out.nii")
    assert label_map.shape == shape
    np.testing.assert_array_equal(np.asarray(label_map.dataobj), labels.reshape(shape))


def named_scan(path: Path) -> Path:
    scan = nibabel.Nifti1Image(np.ones(SHAPE, np.int16), AFFINE)
    scan.header["descrip"] = scan.header["aux_file"] = NAME
    scan.header["db_name"] = scan.header["intent_name"] = NAME[:10]
    scan.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", NAME))
    scan.to_filename(path)
    return path


def test_free_texts_stay_behind_unless_they_are_kept(tmp_path: Path) -> None:
    scan = named_scan(tmp_path / "scan.nii")
    header = grid_header(scan, AFFINE, SHAPE)
    write_labels(tmp_path / "out.nii", LABELS, header)
    assert NAME[:10] not in (tmp_path / "out.nii").read_bytes()
    assert written(scan, tmp_path, keep_texts=True).header["descrip"] == NAME


def test_the_same_labels_give_the_same_bytes(tmp_path: Path) -> None:
    header = grid_header(None, AFFINE, SHAPE)
    for name in ("one.nii.gz", "two.nii.gz"):
        (tmp_path / name[:3]).mkdir()
        write_labels(tmp_path / name[:3] / "out.nii.gz", LABELS, header)
    assert (tmp_path / "one" / "out.nii.gz").read_bytes() == (tmp_path / "two" / "out.nii.gz").read_bytes()


def test_without_a_nifti_the_affine_is_written_and_a_quaternion_where_it_can_say_it(tmp_path: Path) -> None:
    straight = np.diag([-0.7, 0.8, 2.5, 1])
    for affine, code in ((straight, 1), (AFFINE, 0)):
        write_labels(tmp_path / "out.nii", LABELS, grid_header(None, affine, SHAPE))
        header = nibabel.load(tmp_path / "out.nii").header
        np.testing.assert_array_equal(header.get_sform(), affine.astype(np.float32))
        assert (int(header["sform_code"]), int(header["qform_code"])) == (1, code)
        assert header.get_xyzt_units()[0] == "mm"
    np.testing.assert_allclose(header.get_zooms(), np.linalg.norm(AFFINE[:3, :3], axis=0), rtol=1e-6)
