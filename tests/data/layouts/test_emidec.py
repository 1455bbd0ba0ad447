import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from made_datasets import write_emidec

from trimformer.data.layout import Layout
from trimformer.data.layouts.emidec import find_emidec
from trimformer.data.reading.case import read_case
from trimformer.data.rules import FILE_EXISTS, KNOWN_LABELS, KNOWN_LAYOUT, READABLE
from trimformer.records.errors import FileError
from trimformer.records.settings import DataSettings


def _find(root: Path, **settings: object) -> Layout:
    return find_emidec(DataSettings.model_validate({"dataset": "emidec", "root": str(root), **settings}))


def _told(layout: Layout) -> list[tuple[str, str, str]]:
    """The file below the dataset's folder, rule and finding of every problem."""
    return [("/".join(Path(p.file).parts[-3:]), p.rule, p.value) for p in layout.problems if isinstance(p, FileError)]


def test_cases_are_grouped_by_diagnosis_and_on_no_side(tmp_path: Path) -> None:
    root = write_emidec(tmp_path)
    layout = _find(root)
    assert (layout.dataset, layout.name, layout.problems) == ("emidec", "EMIDEC 1.0.1", ())
    groups = {case.patient_id: case.group for case in layout.cases}
    assert groups == {f"Case_P00{n}": "P" for n in (1, 2, 3, 4)} | {f"Case_N00{n}": "N" for n in (5, 6)}
    assert layout.labelled == layout.cases
    assert {case.side for case in layout.cases} == {None}
    assert layout.listed == {}
    assert layout.class_names == {1: "myocardium", 2: "infarction", 3: "no-reflow"}
    assert _find(root / "emidec-dataset-1.0.1").cases == layout.cases


def test_the_cavity_is_background(tmp_path: Path) -> None:
    layout = _find(write_emidec(tmp_path))
    case = next(case for case in layout.cases if case.patient_id == "Case_P002")
    assert case.labels is not None
    stored = nibabel.load(case.labels[0]).get_fdata()
    assert set(np.unique(stored)) == {0, 1, 2, 3, 4}
    labels = read_case(layout, case).labels
    assert labels is not None
    assert [set(np.unique(labels[stored == value])) for value in (0, 1, 2, 3, 4)] == [{0}, {0}, {1}, {2}, {3}]


def test_voxel_sizes_come_from_the_header_since_the_affine_has_none(tmp_path: Path) -> None:
    root = write_emidec(tmp_path)
    layout = _find(root)
    assert (layout.preprocessing.spacing_from, layout.preprocessing.crop) == ("header", 96)
    assert layout.preprocessing.slice_axis == 2
    patients = {case.patient_id: read_case(layout, case) for case in layout.cases}
    np.testing.assert_allclose(patients["Case_P001"].spacing_mm, (1.458, 1.458, 10), rtol=1e-6)
    np.testing.assert_allclose(patients["Case_P002"].spacing_mm, (1.406, 1.406, 13), rtol=1e-6)
    assert np.all(np.diag(patients["Case_P001"].affine)[:2] < 0)
    believed = _find(root, spacing_from="affine")
    assert read_case(believed, believed.cases[0]).spacing_mm == (1, 1, 1)


def test_one_case_is_smaller_than_the_crop(tmp_path: Path) -> None:
    layout = _find(write_emidec(tmp_path))
    small = next(case for case in layout.cases if case.patient_id == "Case_P001")
    patient = read_case(layout, small)
    assert patient.image.shape == (1, 90, 92, 3)
    assert patient.image.dtype == np.float32
    assert nibabel.load(small.images[0]).get_data_dtype() == np.float64


def test_text_files_are_no_cases_whatever_their_bytes(tmp_path: Path) -> None:
    folder = write_emidec(tmp_path) / "emidec-dataset-1.0.1"
    with pytest.raises(UnicodeDecodeError):
        (folder / "Case P001.txt").read_text(encoding="utf-8")
    (folder / "Case P009").mkdir()
    assert len(_find(folder).cases) == 6


def test_missing_files_are_told(tmp_path: Path) -> None:
    folder = write_emidec(tmp_path) / "emidec-dataset-1.0.1"
    (folder / "Case_P002" / "Images" / "Case_P002.nii.gz").unlink()
    (folder / "Case_P003" / "Contours" / "Case_P003.nii.gz").unlink()
    shutil.rmtree(folder / "Case_N005" / "Contours")
    missing = [
        "Case_N005/Contours/Case_N005.nii.gz",
        "Case_P002/Images/Case_P002.nii.gz",
        "Case_P003/Contours/Case_P003.nii.gz",
    ]
    assert _told(_find(folder)) == [(file, FILE_EXISTS.sentence, "no such file") for file in missing]


def test_patients_of_the_test_set_have_no_diagnosis_and_no_labels(tmp_path: Path) -> None:
    folder = write_emidec(tmp_path, pathological=2, normal=1) / "emidec-dataset-1.0.1"
    for name in ("Case_101", "Case_102"):
        shutil.copytree(folder / "Case_P001", folder / name)
        for kind in ("Images", "Contours"):
            (folder / name / kind / "Case_P001.nii.gz").rename(folder / name / kind / f"{name}.nii.gz")
    shutil.rmtree(folder / "Case_101" / "Contours")
    (folder / "Case_102" / "Contours" / "Case_102.nii.gz").unlink()
    layout = _find(folder)
    assert [case.patient_id for case in layout.cases if case.labels is None] == ["Case_101"]
    assert _told(layout) == [("Case_102/Contours/Case_102.nii.gz", FILE_EXISTS.sentence, "no such file")]


def test_the_test_set_beside_the_dataset_is_not_mistaken_for_it(tmp_path: Path) -> None:
    root = write_emidec(tmp_path, pathological=1, normal=1)
    (root / "emidec-segmentation-testset-1.0.0" / "Case_101" / "Images").mkdir(parents=True)
    assert [case.patient_id for case in _find(root).cases] == ["Case_N002", "Case_P001"]
    with pytest.raises(FileError, match=KNOWN_LAYOUT.sentence):
        _find(root / "emidec-segmentation-testset-1.0.0")


def test_an_empty_file_of_labels_is_refused(tmp_path: Path) -> None:
    layout = _find(write_emidec(tmp_path, pathological=1, normal=1))
    case = layout.cases[0]
    assert case.labels is not None
    case.labels[0].write_bytes(b"")
    with pytest.raises(FileError, match=READABLE.sentence) as error:
        read_case(layout, case)
    assert error.value.file == str(case.labels[0])


def test_a_label_that_emidec_does_not_have_is_refused(tmp_path: Path) -> None:
    layout = _find(write_emidec(tmp_path, pathological=1, normal=1))
    case = layout.cases[0]
    assert case.labels is not None
    stored = nibabel.load(case.labels[0])
    labels = stored.get_fdata()
    labels[0, 0, 0] = 5
    nibabel.save(nibabel.Nifti1Image(labels, None, stored.header), case.labels[0])
    with pytest.raises(FileError, match=KNOWN_LABELS.sentence) as error:
        read_case(layout, case)
    assert error.value.value.startswith("5")
