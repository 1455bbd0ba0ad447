import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from made_datasets import (
    SYNAPSE_ALL,
    SYNAPSE_TRAINING,
    SYNAPSE_VALIDATION,
    synapse_volumes,
    write_synapse_npz,
    write_synapse_raw,
)

from trimformer.data.layout import Layout
from trimformer.data.layouts.folders import PUBLISHED_PLACE
from trimformer.data.layouts.synapse import find_synapse
from trimformer.data.patient import Patient
from trimformer.data.reading.case import read_case
from trimformer.data.rules import (
    FILE_EXISTS,
    KNOWN_LABELS,
    KNOWN_LAYOUT,
    NOT_CONSTANT,
    ONE_CASE_AN_ID,
    SAME_SHAPE,
)
from trimformer.records.errors import FileError
from trimformer.records.settings import DataSettings

TRANSUNET = ["aorta", "gallbladder", "left kidney", "right kidney", "liver", "pancreas", "spleen", "stomach"]
SPLEEN_FIRST = ["spleen", "right kidney", "left kidney", "gallbladder", "liver", "stomach", "aorta", "pancreas"]


def _find(root: Path, **settings: object) -> Layout:
    return find_synapse(DataSettings.model_validate({"dataset": "synapse", "root": str(root), **settings}))


def _ids(numbers: tuple[int, ...]) -> list[str]:
    return [f"case{number:04d}" for number in numbers]


def _on(layout: Layout, side: str) -> list[str]:
    return [case.patient_id for case in layout.cases if case.side == side]


def _read(layout: Layout, patient_id: str) -> Patient:
    return read_case(layout, next(case for case in layout.cases if case.patient_id == patient_id))


def _told(layout: Layout) -> list[tuple[str, str, str]]:
    """The file, rule and finding of every problem."""
    return [(Path(p.file).name, p.rule, p.value) for p in layout.problems if isinstance(p, FileError)]


def test_npz_trains_and_h5_validates(tmp_path: Path) -> None:
    root = write_synapse_npz(tmp_path, SYNAPSE_TRAINING, SYNAPSE_VALIDATION, size=8, slices=2)
    layout = _find(root)
    assert layout.dataset == "synapse"
    assert layout.problems == ()
    assert len(layout.cases) == 30
    assert _on(layout, "training") == _ids(SYNAPSE_TRAINING) == list(layout.listed["training"])
    assert _on(layout, "validation") == _ids(SYNAPSE_VALIDATION) == list(layout.listed["validation"])
    assert (layout.preprocessing.slice_axis, layout.preprocessing.clip) == (0, None)


@pytest.mark.parametrize("patient", [5, 2])
def test_slices_lie_along_the_first_axis_in_the_order_of_their_numbers(tmp_path: Path, patient: int) -> None:
    layout = _find(write_synapse_npz(tmp_path, slices=12))
    read = _read(layout, f"case{patient:04d}")
    image, labels = synapse_volumes(patient, slices=12)
    np.testing.assert_array_equal(read.image[0], image)
    np.testing.assert_array_equal(read.labels, labels)
    assert read.spacing_mm == (1.0, 1.0, 1.0)
    assert "1 mm is assumed" in layout.note


def test_voxel_sizes_that_arrays_do_not_have_can_be_given(tmp_path: Path) -> None:
    layout = _find(write_synapse_npz(tmp_path), spacing_mm=(3, 0.75, 0.75))
    assert _read(layout, "case0005").spacing_mm == (3, 0.75, 0.75)


def test_an_order_names_the_values_of_arrays_and_changes_none(tmp_path: Path) -> None:
    root = write_synapse_npz(tmp_path)
    usual, other = _find(root), _find(root, label_order="spleen-first")
    assert list(usual.class_names.values()) == TRANSUNET
    assert list(other.class_names.values()) == SPLEEN_FIRST
    assert usual.label_values == other.label_values == {value: value for value in range(9)}
    assert "labels transunet" in usual.name
    assert "labels spleen-first" in other.name
    assert "1 spleen, 2 right kidney" in other.note


def test_arrays_may_lie_one_folder_below_the_root(tmp_path: Path) -> None:
    write_synapse_npz(tmp_path / "data" / "Synapse")
    assert len(_find(tmp_path / "data").cases) == 5


def test_slices_that_are_missing_in_between_are_told(tmp_path: Path) -> None:
    root = write_synapse_npz(tmp_path, slices=5)
    for number in (0, 2):
        (root / "train_npz" / f"case0006_slice00{number}.npz").unlink()
    layout = _find(root)
    names = ["case0006_slice000.npz", "case0006_slice002.npz"]
    assert _told(layout) == [(name, FILE_EXISTS.sentence, "no such file") for name in names]
    with pytest.raises(FileError, match="case0006_slice000"):
        _read(layout, "case0006")


def test_a_case_in_both_folders_is_told(tmp_path: Path) -> None:
    root = write_synapse_npz(tmp_path)
    volume = root / "test_vol_h5" / "case0001.npy.h5"
    shutil.copy(volume, volume.with_name("case0005.npy.h5"))
    layout = _find(root)
    found = f"case0005 is in {root / 'train_npz' / 'case0005_slice000.npz'} too"
    assert _told(layout) == [("case0005.npy.h5", ONE_CASE_AN_ID.sentence, found)]
    assert len(layout.cases) == 5


def test_a_case_in_the_folder_of_the_other_side_is_told(tmp_path: Path) -> None:
    root = write_synapse_npz(tmp_path, training=(5, 8), validation=(1, 40))
    assert _told(_find(root)) == [
        ("case0008_slice000.npz", PUBLISHED_PLACE.sentence, "published for validation"),
        ("case0040.npy.h5", PUBLISHED_PLACE.sentence, "published for training"),
    ]


def test_files_of_other_names_are_ignored(tmp_path: Path) -> None:
    root = write_synapse_npz(tmp_path)
    for name in ("._case0005_slice000.npz", "case0005.npz", "notes.txt", "lists"):
        (root / "train_npz" / name).touch()
    assert _told(_find(root)) == []
    assert len(_find(root).cases) == 5


def test_an_array_label_beyond_eight_is_refused_with_its_slice(tmp_path: Path) -> None:
    root = write_synapse_npz(tmp_path)
    image, labels = synapse_volumes(5)
    labels[2, 0, 0] = 9
    np.savez(root / "train_npz" / "case0005_slice002.npz", image=image[2], label=labels[2])
    with pytest.raises(FileError, match=KNOWN_LABELS.sentence) as error:
        _read(_find(root), "case0005")
    assert error.value.file.endswith("case0005_slice002.npz")


def test_a_slice_of_another_size_is_refused(tmp_path: Path) -> None:
    root = write_synapse_npz(tmp_path)
    np.savez(root / "train_npz" / "case0005_slice002.npz", image=np.zeros((9, 8)), label=np.zeros((9, 8)))
    with pytest.raises(FileError, match=SAME_SHAPE.sentence) as error:
        _read(_find(root), "case0005")
    assert "slice002" in error.value.file
    assert error.value.value == "(9, 8) in a case whose first slice has (32, 32)"


def test_a_slice_may_be_empty_but_not_a_case(tmp_path: Path) -> None:
    root = write_synapse_npz(tmp_path, slices=2)
    blank = np.zeros((32, 32))
    np.savez(root / "train_npz" / "case0005_slice000.npz", image=blank, label=blank)
    assert _read(_find(root), "case0005").image[0, 0].max() == 0
    np.savez(root / "train_npz" / "case0005_slice001.npz", image=blank, label=blank)
    with pytest.raises(FileError, match=NOT_CONSTANT.sentence):
        _read(_find(root), "case0005")


def test_raw_scans_keep_hounsfield_units_voxel_sizes_and_sides(tmp_path: Path) -> None:
    layout = _find(write_synapse_raw(tmp_path, SYNAPSE_ALL, shape=(8, 8, 4)))
    assert (layout.name, layout.problems) == ("raw BTCV NIfTI, labels transunet", ())
    assert [case.patient_id for case in layout.cases] == _ids(SYNAPSE_ALL)
    assert _on(layout, "training") == _ids(SYNAPSE_TRAINING)
    assert _on(layout, "validation") == _ids(SYNAPSE_VALIDATION)
    assert (layout.preprocessing.clip, layout.preprocessing.slice_axis) == ((-125, 275), 2)
    patient = _read(layout, "case0001")
    np.testing.assert_allclose(patient.spacing_mm, (0.75, 0.75, 3))
    assert (patient.image.min(), patient.image.max()) == (-1024, 3071)


@pytest.mark.parametrize(
    ("order", "names", "learned"),
    [
        # BTCV: 0 background, 1 spleen, 2 right kidney, 3 left kidney, 4 gallbladder, 5 esophagus, 6 liver, 7 stomach,
        # 8 aorta, 9 inferior vena cava, 10 portal and splenic vein, 11 pancreas, 12 and 13 adrenal glands.
        ("transunet", TRANSUNET, [0, 7, 4, 3, 2, 0, 5, 8, 1, 0, 0, 6, 0, 0]),
        ("spleen-first", SPLEEN_FIRST, [0, 1, 2, 3, 4, 0, 5, 6, 7, 0, 0, 8, 0, 0]),
    ],
)
def test_an_order_maps_the_thirteen_raw_labels(
    tmp_path: Path, order: str, names: list[str], learned: list[int]
) -> None:
    root = write_synapse_raw(tmp_path, patients=(1,))
    layout = _find(root, label_order=order)
    assert order in layout.name
    assert list(layout.class_names.values()) == names
    assert [layout.label_values[value] for value in range(14)] == learned
    stored = nibabel.load(root / "RawData" / "Training" / "label" / "label0001.nii.gz").get_fdata()
    assert set(np.unique(stored)) == set(range(14))
    np.testing.assert_array_equal(_read(layout, "case0001").labels, np.array(learned)[stored.astype(int)])


@pytest.mark.parametrize("place", ["", "RawData", "RawData/Training"])
def test_a_raw_root_may_be_any_folder_on_the_way(tmp_path: Path, place: str) -> None:
    root = write_synapse_raw(tmp_path / "Abdomen")
    assert len(_find(root / place).cases) == 5
    assert len(_find(tmp_path).cases) == 5


def test_raw_files_without_a_partner_are_told(tmp_path: Path) -> None:
    training = write_synapse_raw(tmp_path) / "RawData" / "Training"
    (training / "img" / "img0005.nii.gz").unlink()
    (training / "label" / "label0002.nii.gz").unlink()
    assert _told(_find(tmp_path)) == [
        ("label0002.nii.gz", FILE_EXISTS.sentence, "no such file"),
        ("img0005.nii.gz", FILE_EXISTS.sentence, "no such file"),
    ]


def test_a_raw_label_beyond_thirteen_is_refused(tmp_path: Path) -> None:
    path = write_synapse_raw(tmp_path, patients=(1,)) / "RawData" / "Training" / "label" / "label0001.nii.gz"
    stored = nibabel.load(path)
    labels = np.asarray(stored.dataobj).copy()
    labels[0, 0, 0] = 14
    nibabel.save(nibabel.Nifti1Image(labels, stored.affine), path)
    with pytest.raises(FileError, match=KNOWN_LABELS.sentence) as error:
        _read(_find(tmp_path), "case0001")
    assert error.value.file == str(path)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "img").mkdir()
    with pytest.raises(FileError, match=KNOWN_LAYOUT.sentence) as error:
        _find(tmp_path)
    assert "train_npz" in error.value.value
