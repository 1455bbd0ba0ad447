import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from made_datasets import (
    IBSR_ALL,
    IBSR_TEST,
    IBSR_TRAINING,
    IBSR_VALIDATION,
    ibsr_volumes,
    write_ibsr18_analyze,
    write_ibsr18_misa,
    write_ibsr18_nitrc,
)

from trimformer.data.layout import Layout
from trimformer.data.layouts.folders import PUBLISHED_PLACE
from trimformer.data.layouts.ibsr18 import find_ibsr18
from trimformer.data.reading.case import read_case
from trimformer.data.rules import FILE_EXISTS, KNOWN_LAYOUT, ONE_CASE_AN_ID
from trimformer.records.errors import FileError
from trimformer.records.settings import DataSettings


def _find(root: Path, **settings: object) -> Layout:
    return find_ibsr18(DataSettings.model_validate({"dataset": "ibsr18", "root": str(root), **settings}))


def _ids(numbers: tuple[int, ...]) -> list[str]:
    return [f"IBSR_{number:02d}" for number in sorted(numbers)]


def _on(layout: Layout, side: str | None) -> list[str]:
    return sorted(case.patient_id for case in layout.cases if case.side == side)


def _told(layout: Layout) -> list[tuple[str, str, str]]:
    """The file, rule and finding of every problem."""
    return [(Path(p.file).name, p.rule, p.value) for p in layout.problems if isinstance(p, FileError)]


def test_misa_has_ten_five_and_three_unlabelled(tmp_path: Path) -> None:
    layout = _find(write_ibsr18_misa(tmp_path))
    assert (layout.dataset, layout.name, layout.problems) == ("ibsr18", "MISA", ())
    assert _on(layout, "training") == _ids(IBSR_TRAINING) == sorted(layout.listed["training"])
    assert _on(layout, "validation") == _ids(IBSR_VALIDATION) == sorted(layout.listed["validation"])
    assert _on(layout, None) == _ids(IBSR_TEST)
    assert [case.patient_id for case in layout.cases if case.labels is None] == _ids(IBSR_TEST)
    assert layout.class_names == {1: "CSF", 2: "gray matter", 3: "white matter"}
    assert layout.label_values == {0: 0, 1: 1, 2: 2, 3: 3}
    assert (layout.preprocessing.slice_axis, layout.preprocessing.spacing_from) == (1, "affine")


def test_a_scan_loses_its_axis_of_one_and_keeps_its_voxel_sizes(tmp_path: Path) -> None:
    layout = _find(write_ibsr18_misa(tmp_path, training=(1, 3, 5), validation=(), test=()))
    file = nibabel.load(layout.cases[0].images[0])
    assert file.shape == (32, 8, 32, 1)
    assert file.header.get_zooms()[3] == 0
    patients = [read_case(layout, case) for case in layout.cases]
    np.testing.assert_allclose([p.spacing_mm for p in patients], [(s, 1.5, s) for s in (1.0, 0.9375, 0.837)], rtol=1e-6)
    image, labels = ibsr_volumes(3)
    np.testing.assert_array_equal(patients[1].image[0], image)
    np.testing.assert_array_equal(patients[1].labels, labels)
    assert [patient.image.max() for patient in patients] == [79, 221, 363]


@pytest.mark.parametrize("write", [write_ibsr18_nitrc, write_ibsr18_analyze])
def test_elsewhere_the_three_test_patients_have_labels_and_no_side(tmp_path: Path, write: object) -> None:
    assert callable(write)
    layout = _find(write(tmp_path))
    assert layout.problems == ()
    assert sorted(case.patient_id for case in layout.labelled) == _ids(IBSR_ALL)
    assert _on(layout, "training") == _ids(IBSR_TRAINING)
    assert _on(layout, "validation") == _ids(IBSR_VALIDATION)
    assert _on(layout, None) == _ids(IBSR_TEST)


def test_nitrc_is_read_stripped_and_not_filled(tmp_path: Path) -> None:
    root = write_ibsr18_nitrc(tmp_path, patients=(2,))
    layout = _find(root)
    assert (layout.name, "labels segTRI_ana (not" in layout.note) == ("NITRC stripped NIfTI", True)
    patient = read_case(layout, layout.cases[0])
    image, labels = ibsr_volumes(2)
    np.testing.assert_array_equal(patient.image[0], image)
    np.testing.assert_array_equal(patient.labels, labels)
    assert _find(root / "IBSR_nifti_stripped").cases == layout.cases


def test_the_filled_variant_is_read_only_where_there_is_no_other_and_named(tmp_path: Path) -> None:
    layout = _find(write_ibsr18_nitrc(tmp_path, patients=(2, 3), labels=("segTRI_fill_ana",)))
    assert layout.name == "NITRC stripped NIfTI, labels segTRI_fill_ana"
    assert "labels segTRI_fill_ana (zeros inside the brain became CSF)" in layout.note
    image, labels = ibsr_volumes(2)
    filled = np.where((labels == 0) & (image > 0), 1, labels)
    assert np.any(filled != labels)
    np.testing.assert_array_equal(read_case(layout, layout.cases[0]).labels, filled)
    write_ibsr18_nitrc(tmp_path, patients=(3,), labels=("segTRI_ana",))
    mixed = _find(tmp_path)
    assert mixed.name == "NITRC stripped NIfTI"
    assert _told(mixed) == [("IBSR_02_segTRI_ana.nii.gz", FILE_EXISTS.sentence, "no such file")]


def test_analyze_pairs_are_read_with_their_voxel_sizes(tmp_path: Path) -> None:
    layout = _find(write_ibsr18_analyze(tmp_path, patients=(5, 18)))
    assert (layout.name, "with their skulls" in layout.note) == ("original Analyze", True)
    last = read_case(layout, layout.cases[1])
    np.testing.assert_allclose(last.spacing_mm, (0.9375, 1.5, 0.9375))
    image, labels = ibsr_volumes(18)
    assert image.max() == 1289
    np.testing.assert_array_equal(last.image[0], image)
    np.testing.assert_array_equal(last.labels, labels)


@pytest.mark.parametrize("ending", [".hdr", ".img"])
def test_half_of_an_analyze_pair_is_refused(tmp_path: Path, ending: str) -> None:
    root = write_ibsr18_analyze(tmp_path, patients=(5,))
    (root / "IBSR_05" / "segmentation" / "analyze" / f"IBSR_05_segTRI_ana{ending}").unlink()
    layout = _find(root)
    with pytest.raises(FileError, match=FILE_EXISTS.sentence) as error:
        read_case(layout, layout.cases[0])
    assert f"IBSR_05_segTRI_ana{ending}" in error.value.found


def test_every_missing_file_is_told_at_once(tmp_path: Path) -> None:
    root = write_ibsr18_misa(tmp_path)
    (root / "Training_Set" / "IBSR_04" / "IBSR_04.nii.gz").unlink()
    (root / "Validation_Set" / "IBSR_12" / "IBSR_12_seg.nii.gz").unlink()
    (root / "Test_Set" / "IBSR_10" / "IBSR_10.nii.gz").unlink()
    layout = _find(root)
    names = ["IBSR_04.nii.gz", "IBSR_12_seg.nii.gz", "IBSR_10.nii.gz"]
    assert _told(layout) == [(name, FILE_EXISTS.sentence, "no such file") for name in names]
    assert len(layout.cases) == 18
    with pytest.raises(FileError) as error:
        read_case(layout, next(case for case in layout.cases if case.patient_id == "IBSR_04"))
    assert str(error.value) == str(layout.problems[0])  # so that a list of problems names it once


def test_a_listed_case_that_is_gone_is_left_to_the_split(tmp_path: Path) -> None:
    root = write_ibsr18_misa(tmp_path)
    shutil.rmtree(root / "Validation_Set" / "IBSR_12")
    layout = _find(root)
    assert layout.problems == ()
    assert set(layout.listed["validation"]) - {case.patient_id for case in layout.cases} == {"IBSR_12"}


def test_a_patient_in_two_sets_is_told(tmp_path: Path) -> None:
    root = write_ibsr18_misa(tmp_path)
    shutil.copytree(root / "Training_Set" / "IBSR_01", root / "Validation_Set" / "IBSR_01")
    layout = _find(root)
    found = f"IBSR_01 is in {root / 'Training_Set' / 'IBSR_01'} too"
    assert _told(layout) == [("IBSR_01", ONE_CASE_AN_ID.sentence, found)]
    assert len(layout.cases) == 18


def test_a_patient_moved_to_another_set_is_told(tmp_path: Path) -> None:
    root = write_ibsr18_misa(tmp_path)
    (root / "Validation_Set" / "IBSR_11").rename(root / "Training_Set" / "IBSR_11")
    (root / "Test_Set" / "IBSR_02").rename(root / "Training_Set" / "IBSR_02")
    assert _told(_find(root)) == [
        ("IBSR_02", PUBLISHED_PLACE.sentence, "published for neither side"),
        ("IBSR_11", PUBLISHED_PLACE.sentence, "published for validation"),
        ("IBSR_02_seg.nii.gz", FILE_EXISTS.sentence, "no such file"),
    ]


def test_labels_of_the_test_set_are_read_where_someone_has_them(tmp_path: Path) -> None:
    root = write_ibsr18_misa(tmp_path, training=(1,), validation=(11,), test=(2, 10))
    scan = root / "Test_Set" / "IBSR_02" / "IBSR_02.nii.gz"
    shutil.copy(root / "Training_Set" / "IBSR_01" / "IBSR_01_seg.nii.gz", scan.with_name("IBSR_02_seg.nii.gz"))
    layout = _find(root)
    assert layout.problems == ()
    assert [(case.patient_id, case.side) for case in layout.labelled][-1] == ("IBSR_02", None)


def test_other_files_other_cases_and_unpacked_files_do_no_harm(tmp_path: Path) -> None:
    root = write_ibsr18_misa(tmp_path, training=(1, 3), validation=(11,), test=(2,))
    (root / "Training_Set" / ".DS_Store").touch()
    (root / "Training_Set" / "notes.txt").touch()
    (root / "Training_Set" / "IBSR_average").mkdir()
    (root / "Training_Set" / "IBSR_03").rename(root / "Training_Set" / "ibsr_03")
    packed = root / "Training_Set" / "IBSR_01" / "IBSR_01.nii.gz"
    nibabel.save(nibabel.load(packed), packed.with_suffix(""))
    packed.unlink()
    layout = _find(root)
    assert layout.problems == ()
    assert [case.patient_id for case in layout.cases] == ["IBSR_01", "IBSR_03", "IBSR_11", "IBSR_02"]
    assert read_case(layout, layout.cases[0]).image.shape == (1, 32, 8, 32)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "imagesTr").mkdir()
    with pytest.raises(FileError, match=KNOWN_LAYOUT.sentence) as error:
        _find(tmp_path)
    assert "Training_Set" in error.value.value


def test_two_downloads_side_by_side_are_not_chosen_between(tmp_path: Path) -> None:
    write_ibsr18_misa(tmp_path / "misa", training=(1,), validation=(), test=())
    write_ibsr18_nitrc(tmp_path, patients=(1,))
    with pytest.raises(FileError, match="several: IBSR_nifti_stripped, misa"):
        _find(tmp_path)


def test_settings_come_before_the_datasets_own_choices(tmp_path: Path) -> None:
    root = write_ibsr18_misa(tmp_path, training=(1,), validation=(), test=())
    preprocessing = _find(root, slice_axis=2, orientation="RAS", clip=(0, 500), image_size=96).preprocessing
    assert (preprocessing.slice_axis, preprocessing.orientation, preprocessing.clip) == (2, "RAS", (0, 500))
    assert preprocessing.image_size == 96
