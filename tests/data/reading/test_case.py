import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from written import AFFINE, VOXELS, nifti_bytes, write_nifti

from trimformer.data.layout import Case, Layout
from trimformer.data.patient import Patient
from trimformer.data.preprocessing import Preprocessing
from trimformer.data.reading.case import read_case
from trimformer.data.reading.pairs import read_pair
from trimformer.data.rules import (
    FILE_EXISTS,
    FINITE,
    HAS_SPACING,
    KNOWN_LABELS,
    NOT_CONSTANT,
    NOT_EMPTY,
    READABLE,
    SAME_SHAPE,
    SAME_SPACING,
    THREE_AXES,
    WHOLE_LABELS,
    Rule,
)
from trimformer.records.errors import FileError

LABELS = (VOXELS % 3).astype(np.uint8)


def a_layout(spacing_mm: tuple[float, float, float] | None = None) -> Layout:
    return Layout(
        dataset="made",
        name="made",
        note="Made.",
        cases=(),
        class_names={1: "one", 2: "two"},
        label_values={0: 0, 1: 2, 2: 1},
        preprocessing=Preprocessing(image_size=16, spacing_mm=spacing_mm),
        read=read_pair,
    )


def read(folder: Path, labels: str | None = "seg.nii", images: tuple[str, ...] = ("img.nii",)) -> Patient:
    files = None if labels is None else (folder / labels,)
    return read_case(a_layout(), Case("p", tuple(folder / image for image in images), files))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound case: an image and its labels."""
    write_nifti(tmp_path / "img.nii")
    write_nifti(tmp_path / "seg.nii", LABELS)
    return tmp_path


def test_a_sound_case(folder: Path) -> None:
    patient = read(folder)
    np.testing.assert_array_equal(patient.image, VOXELS[None].astype(np.float32))
    np.testing.assert_array_equal(patient.labels, np.array([0, 2, 1])[LABELS])
    np.testing.assert_allclose(patient.affine, AFFINE, rtol=1e-6)
    assert patient.image.dtype == np.float32
    assert patient.labels is not None
    assert patient.labels.dtype == np.uint8


def test_a_case_that_nobody_labelled(folder: Path) -> None:
    assert read(folder, labels=None).labels is None


def test_channels_lie_one_behind_the_other(folder: Path) -> None:
    write_nifti(folder / "t2.nii", VOXELS + 5)
    patient = read(folder, images=("img.nii", "t2.nii"))
    np.testing.assert_array_equal(patient.image, np.stack([VOXELS, VOXELS + 5]))


def with_one(value: float, dtype: type[np.floating] = np.float32) -> np.ndarray:
    voxels = VOXELS.astype(dtype)
    voxels[1, 2, 3] = value
    return voxels


WIDE = AFFINE @ np.diag([1, 1, 1.01, 1])

FLAT = np.array([[2, 2, 0, 0], [0, 0, 0, 0], [0, 0, 4, 0], [0, 0, 0, 1]], np.float64)
CODE = (254, "h", (1,))
NAN = (280, "12f", (float("nan"), 0, 0, 5, 0, 2, 0, 6, 0, 0, 3, 7))

BROKEN: dict[str, tuple[str, Rule, str, Callable[[Path], object]]] = {
    "series": ("img", THREE_AXES, "(5, 6, 7, 2)", lambda f: write_nifti(f, np.stack([VOXELS, VOXELS], 3))),
    "labels of a series": ("seg", THREE_AXES, "(5, 6, 7, 2)", lambda f: write_nifti(f, np.stack([LABELS, LABELS], 3))),
    "nan": ("img", FINITE, "1 of 210 voxels", lambda f: write_nifti(f, with_one(np.nan))),
    "infinite": ("img", FINITE, "1 of 210 voxels", lambda f: write_nifti(f, with_one(-np.inf))),
    "too large": ("img", FINITE, "too large", lambda f: write_nifti(f, with_one(1e300, np.float64))),
    "constant": ("img", NOT_CONSTANT, "is 7", lambda f: write_nifti(f, np.full_like(VOXELS, 7))),
    "shape": ("seg", SAME_SHAPE, "(5, 6, 6) beside", lambda f: write_nifti(f, LABELS[..., :6])),
    "axes swapped": ("seg", SAME_SHAPE, "(7, 6, 5) beside", lambda f: write_nifti(f, LABELS.T)),
    "spacing": ("seg", SAME_SPACING, "1.2 x 0.9 x 2.525 mm beside", lambda f: write_nifti(f, LABELS, WIDE)),
    "no spacing": ("img", HAS_SPACING, "2 x 0 x 4", lambda f: f.write_bytes(nifti_bytes(size=(84, "f", (0,))))),
    "two axes in one": ("img", HAS_SPACING, "2 x 2 x 4 mm, 0 mm³", lambda f: write_nifti(f, affine=FLAT)),
    "affine nan": ("img", HAS_SPACING, "nan mm³", lambda f: f.write_bytes(nifti_bytes(code=CODE, sform=NAN))),
    "half": ("seg", WHOLE_LABELS, "0.5", lambda f: write_nifti(f, LABELS * np.float32(0.5))),
    "labels nan": ("seg", WHOLE_LABELS, "nan", lambda f: write_nifti(f, LABELS * with_one(np.nan))),
    "another class": ("seg", KNOWN_LABELS, "3, where 0, 1, 2 are meant", lambda f: write_nifti(f, LABELS + 1)),
    "swapped": ("seg", KNOWN_LABELS, "...", write_nifti),
    "missing": ("img", FILE_EXISTS, "no such file", lambda f: f.unlink()),
    "labels missing": ("seg", FILE_EXISTS, "no such file", lambda f: f.unlink()),
    "text": ("seg", READABLE, "", lambda f: f.write_text("no volume")),
    "empty": ("img", NOT_EMPTY, "(0, 6, 7)", lambda f: f.write_bytes(nifti_bytes(dims=(42, "h", (0,))))),
}


@pytest.mark.parametrize("case", BROKEN)
def test_every_rule_names_its_file_and_what_was_found(folder: Path, case: str) -> None:
    name, rule, found, damage = BROKEN[case]
    file = folder / f"{name}.nii"
    damage(file)
    with pytest.raises(FileError) as error:
        read(folder)
    assert (error.value.file, error.value.rule) == (str(file), rule.sentence)
    assert found in error.value.value
    assert error.value.next_step == rule.fix


def test_a_later_channel_of_another_grid_is_named(folder: Path) -> None:
    write_nifti(folder / "t2.nii", VOXELS[:4])
    with pytest.raises(FileError) as error:
        read(folder, images=("img.nii", "t2.nii"))
    assert (error.value.file, error.value.rule) == (str(folder / "t2.nii"), SAME_SHAPE.sentence)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint64])
def test_labels_of_any_type_are_read_where_they_are_whole(folder: Path, dtype: type[np.generic]) -> None:
    import nibabel

    nibabel.save(nibabel.Nifti1Image(LABELS.astype(dtype), AFFINE, dtype=dtype), folder / "seg.nii")
    np.testing.assert_array_equal(read(folder).labels, np.array([0, 2, 1])[LABELS])


def test_voxel_sizes_that_are_rounded_are_the_same(folder: Path) -> None:
    write_nifti(folder / "seg.nii", LABELS, AFFINE @ np.diag([1, 1, 1.0005, 1]))
    assert read(folder).labels is not None


def test_given_voxel_sizes_replace_those_of_every_file(folder: Path) -> None:
    write_nifti(folder / "seg.nii", LABELS, WIDE)
    case = Case("p", (folder / "img.nii",), (folder / "seg.nii",))
    affine = read_case(a_layout(spacing_mm=(1.0, 2.0, 3.0)), case).affine
    np.testing.assert_allclose(np.linalg.norm(affine[:3, :3], axis=0), (1, 2, 3))
    np.testing.assert_allclose(affine[:, 3], AFFINE[:, 3])
    np.testing.assert_allclose(affine[:3, 0], (0, 1, 0))  # it still runs to the front


@pytest.mark.parametrize("damage", [(84, "f", (0,)), (84, "f", (float("nan"),))])
def test_given_voxel_sizes_mend_a_header_without_any(folder: Path, damage: tuple[int, str, tuple[float]]) -> None:
    (folder / "img.nii").write_bytes(nifti_bytes(size=damage))
    case = Case("p", (folder / "img.nii",), (folder / "seg.nii",))
    np.testing.assert_array_equal(
        read_case(a_layout(spacing_mm=(1.0, 2.0, 3.0)), case).affine, np.diag([1.0, 2.0, 3.0, 1.0])
    )


def test_memory_is_that_of_image_and_labels_and_one_stored_array(tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).integers(0, 100, (96, 96, 96)).astype(np.int16)
    (tmp_path / "img.nii").write_bytes(nifti_bytes(voxels))
    (tmp_path / "seg.nii").write_bytes(nifti_bytes((voxels % 3).astype(np.uint8)))
    read(tmp_path)  # imports are not counted
    tracemalloc.start()
    read(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * voxels.size + 2 * voxels.size + 1e6
