import json
import pickle
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK

from trimformer.data.layout import Layout
from trimformer.data.layouts.nnunet import find_nnunet
from trimformer.data.reading.case import read_case
from trimformer.data.rules import (
    DESCRIPTION,
    FILE_EXISTS,
    FOLDER_EXISTS,
    KNOWN_LABELS,
    KNOWN_LAYOUT,
    LISTED,
    ONE_CASE_AN_ID,
    THREE_AXES,
    WHOLE_LABELS,
    Rule,
)
from trimformer.records.errors import FileError, UserError
from trimformer.records.settings import DataSettings

VOXELS = np.random.default_rng(1).integers(0, 200, (4, 5, 6)).astype(np.uint8)
LABELS = (VOXELS % 3).astype(np.uint8)
AFFINE = np.diag([-1.0, 2, 3, 1])
PICTURE = VOXELS[:, :, 0]

NNUNET = {"channel_names": {"0": "T1"}, "labels": {"background": 0, "a": 1, "b": 2}, "file_ending": ".nii.gz"}
DECATHLON = {"modality": {"0": "MRI"}, "labels": {"0": "background", "1": "a", "2": "b"}}


def put(root: Path, name: str, voxels: np.ndarray) -> Path:
    """Write voxels (x, y, ...) in the format of the name."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if ".nii" in name:
        nibabel.save(nibabel.Nifti1Image(voxels, AFFINE), path)
    else:
        axes = (1, 0, 2) if name.endswith((".png", ".bmp")) and voxels.ndim == 3 else None
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(voxels.transpose(axes), isVector=axes is not None), str(path))
    return path


def describe(root: Path, document: dict[str, Any], **more: object) -> None:
    for name in ("imagesTr", "labelsTr"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "dataset.json").write_text(json.dumps(document | more))


def find(root: Path, **settings: Any) -> Layout:
    return find_nnunet(DataSettings(dataset="nnunet", root=str(root), **settings))


def two_cases(root: Path, suffix: str = "_0000") -> None:
    for patient_id in ("p 1", "p2"):
        put(root, f"imagesTr/{patient_id}{suffix}.nii.gz", VOXELS)
        put(root, f"labelsTr/{patient_id}.nii.gz", LABELS)


def listed(*names: str) -> list[dict[str, str]]:
    return [{"image": f"./imagesTr/{name}.nii.gz", "label": f"./labelsTr/{name}.nii.gz"} for name in names]


def problems(layout: Layout) -> list[tuple[str, str]]:
    assert all(isinstance(problem, FileError) for problem in layout.problems)
    return [(problem.rule, Path(problem.file).name) for problem in layout.problems if isinstance(problem, FileError)]


def test_an_nnunet_folder(tmp_path: Path) -> None:
    describe(tmp_path, NNUNET, numTraining=2, name="Hearts")
    two_cases(tmp_path)
    layout = find(tmp_path)
    assert (layout.dataset, layout.name, layout.problems) == ("nnunet", "nnU-Net", ())
    assert [case.patient_id for case in layout.cases] == ["p 1", "p2"]
    assert layout.class_names == {1: "a", 2: "b"}
    assert layout.label_values == {0: 0, 1: 1, 2: 2}
    assert layout.note == "Hearts, as its dataset.json describes it."
    assert {case.group for case in layout.cases} == {""}
    assert (layout.preprocessing.orientation, layout.preprocessing.slice_axis) == ("RAS", 2)
    patient = read_case(layout, layout.cases[0])
    np.testing.assert_array_equal(patient.image[0], VOXELS)
    np.testing.assert_array_equal(patient.labels, LABELS)
    np.testing.assert_array_equal(patient.affine, AFFINE)


def test_a_layout_goes_to_another_process(tmp_path: Path) -> None:
    describe(tmp_path, NNUNET)
    two_cases(tmp_path)
    layout = pickle.loads(pickle.dumps(find(tmp_path)))
    np.testing.assert_array_equal(read_case(layout, layout.cases[0]).labels, LABELS)


def test_settings_go_before_the_layouts_own(tmp_path: Path) -> None:
    describe(tmp_path, NNUNET)
    two_cases(tmp_path)
    preprocessing = find(tmp_path, slice_axis=0, orientation="LPS", clip=(0, 9)).preprocessing
    assert (preprocessing.slice_axis, preprocessing.orientation, preprocessing.clip) == (0, "LPS", (0, 9))


def test_the_folder_may_hold_the_dataset_in_a_folder_of_its_own(tmp_path: Path) -> None:
    describe(tmp_path / "Dataset001_Hearts", NNUNET)
    two_cases(tmp_path / "Dataset001_Hearts")
    assert len(find(tmp_path).cases) == 2


def test_every_channel_has_its_file(tmp_path: Path) -> None:
    describe(tmp_path, NNUNET, channel_names={"0": "T1", "1": "T2"})
    two_cases(tmp_path)
    for patient_id in ("p 1", "p2"):
        put(tmp_path, f"imagesTr/{patient_id}_0001.nii.gz", VOXELS + 7)
    layout = find(tmp_path)
    assert (layout.num_channels, layout.problems) == (2, ())
    np.testing.assert_array_equal(read_case(layout, layout.cases[1]).image, np.stack([VOXELS, VOXELS + 7]))


def test_a_model_learns_classes_in_the_order_of_their_values(tmp_path: Path) -> None:
    describe(tmp_path, NNUNET, labels={"background": 0, "vessel": 500, "muscle": 205})
    put(tmp_path, "imagesTr/p_0000.nii.gz", VOXELS)
    put(tmp_path, "labelsTr/p.nii.gz", np.array([0, 205, 500], np.int16)[LABELS])
    layout = find(tmp_path)
    assert layout.class_names == {1: "muscle", 2: "vessel"}
    np.testing.assert_array_equal(read_case(layout, layout.cases[0]).labels, LABELS)


def test_the_second_version_may_list_its_cases(tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/image.nii.gz", VOXELS)
    put(tmp_path, "labelsTr/x.nii.gz", LABELS)
    cases = {
        "z": {"images": [str(tmp_path / "elsewhere/image.nii.gz")], "label": "labelsTr/x.nii.gz"},
        "a": {"images": ["elsewhere/image.nii.gz"], "label": None},
    }
    describe(tmp_path, NNUNET, dataset=cases, numTraining=9)
    layout = find(tmp_path)
    assert layout.problems == ()
    assert [(case.patient_id, case.labels is None) for case in layout.cases] == [("a", True), ("z", False)]
    np.testing.assert_array_equal(read_case(layout, layout.cases[1]).labels, LABELS)


@pytest.mark.parametrize(("suffix", "name"), [("", "Decathlon"), ("_0000", "nnU-Net")])
def test_the_older_description_lists_cases_with_or_without_the_channel(tmp_path: Path, suffix: str, name: str) -> None:
    describe(tmp_path, DECATHLON, training=listed("p2", "p 1"), numTraining=263)
    two_cases(tmp_path, suffix)
    layout = find(tmp_path)
    assert (layout.name, layout.problems) == (name, ())
    assert [case.patient_id for case in layout.cases] == ["p 1", "p2"]
    assert layout.class_names == {1: "a", 2: "b"}
    np.testing.assert_array_equal(read_case(layout, layout.cases[0]).image[0], VOXELS)


def test_the_decathlon_keeps_channels_in_a_fourth_axis(tmp_path: Path) -> None:
    describe(tmp_path, DECATHLON, modality={"0": "T1", "1": "T2"}, training=listed("p"))
    put(tmp_path, "imagesTr/p.nii.gz", np.stack([VOXELS, VOXELS + 7], axis=3))
    put(tmp_path, "labelsTr/p.nii.gz", LABELS)
    layout = find(tmp_path)
    np.testing.assert_array_equal(read_case(layout, layout.cases[0]).image, np.stack([VOXELS, VOXELS + 7]))


@pytest.mark.parametrize(("channels", "rule"), [(1, THREE_AXES), (3, DESCRIPTION)])
def test_other_channels_than_the_description_names(tmp_path: Path, channels: int, rule: Rule) -> None:
    describe(tmp_path, DECATHLON, modality={str(i): "MRI" for i in range(channels)}, training=listed("p"))
    put(tmp_path, "imagesTr/p.nii.gz", np.stack([VOXELS, VOXELS + 7], axis=3))
    put(tmp_path, "labelsTr/p.nii.gz", LABELS)
    layout = find(tmp_path)
    with pytest.raises(FileError) as error:
        read_case(layout, layout.cases[0])
    assert error.value.rule == rule.sentence
    assert Path(error.value.file).name == "p.nii.gz"


def test_without_a_list_a_patients_name_may_end_in_four_digits(tmp_path: Path) -> None:
    describe(tmp_path, DECATHLON)
    for name in ("heart_0001", "heart_0002"):
        put(tmp_path, f"imagesTr/{name}.nii.gz", VOXELS)
        put(tmp_path, f"labelsTr/{name}.nii.gz", LABELS)
    layout = find(tmp_path)
    assert ([case.patient_id for case in layout.cases], layout.problems) == (["heart_0001", "heart_0002"], ())


# Pictures


@pytest.mark.parametrize("ending", [".png", ".bmp", ".tif"])
def test_grey_pictures(tmp_path: Path, ending: str) -> None:
    describe(tmp_path, NNUNET, file_ending=ending)
    put(tmp_path, f"imagesTr/p_0000{ending}", PICTURE)
    put(tmp_path, f"labelsTr/p{ending}", LABELS[:, :, 0])
    layout = find(tmp_path)
    assert layout.preprocessing.orientation is None
    patient = read_case(layout, layout.cases[0])
    np.testing.assert_array_equal(patient.image, PICTURE[None, :, :, None])
    np.testing.assert_array_equal(patient.labels, LABELS[:, :, :1])
    assert patient.spacing_mm == (1, 1, 1)


@pytest.mark.parametrize("ending", [".png", ".bmp"])
def test_a_picture_in_colour_has_three_channels(tmp_path: Path, ending: str) -> None:
    describe(tmp_path, NNUNET, channel_names={"0": "R", "1": "G", "2": "B"}, file_ending=ending)
    put(tmp_path, f"imagesTr/p_0000{ending}", VOXELS[:, :, :3])
    put(tmp_path, f"labelsTr/p{ending}", LABELS[:, :, 0])
    layout = find(tmp_path)
    assert layout.problems == ()
    np.testing.assert_array_equal(read_case(layout, layout.cases[0]).image[..., 0], VOXELS[:, :, :3].transpose(2, 0, 1))


@pytest.mark.parametrize(("image", "labels"), [(True, False), (False, True)])
def test_colours_where_grey_is_meant(tmp_path: Path, image: bool, labels: bool) -> None:
    describe(tmp_path, NNUNET, file_ending=".png")
    put(tmp_path, "imagesTr/p_0000.png", VOXELS[:, :, :3] if image else PICTURE)
    put(tmp_path, "labelsTr/p.png", LABELS[:, :, :3] if labels else LABELS[:, :, 0])
    layout = find(tmp_path)
    with pytest.raises(FileError) as error:
        read_case(layout, layout.cases[0])
    assert error.value.rule == (DESCRIPTION if image else WHOLE_LABELS).sentence


def test_a_mask_of_0_and_255_is_read_where_the_description_says_so(tmp_path: Path) -> None:
    describe(tmp_path, NNUNET, file_ending=".png")
    put(tmp_path, "imagesTr/p_0000.png", PICTURE)
    put(tmp_path, "labelsTr/p.png", (LABELS[:, :, 0] == 1).astype(np.uint8) * 255)
    layout = find(tmp_path)
    with pytest.raises(FileError) as error:
        read_case(layout, layout.cases[0])
    assert error.value.rule == KNOWN_LABELS.sentence
    describe(tmp_path, NNUNET, file_ending=".png", labels={"background": 0, "polyp": 255})
    layout = find(tmp_path)
    np.testing.assert_array_equal(read_case(layout, layout.cases[0]).labels, LABELS[:, :, :1] == 1)


# Folders that are not whole


def test_files_that_are_missing_are_problems_and_no_cases(tmp_path: Path) -> None:
    describe(tmp_path, NNUNET, channel_names={"0": "T1", "1": "T2"})
    for name in ("whole_0000", "whole_0001", "half_0001", "alone_0000", "alone_0001", "more_0000", "more_0001"):
        put(tmp_path, f"imagesTr/{name}.nii.gz", VOXELS)
    put(tmp_path, "imagesTr/more_0002.nii.gz", VOXELS)
    for name in ("whole", "half", "more"):
        put(tmp_path, f"labelsTr/{name}.nii.gz", LABELS)
    put(tmp_path, "labelsTr/lonely.nii.gz", LABELS)
    layout = find(tmp_path)
    assert [case.patient_id for case in layout.cases] == ["whole"]
    assert problems(layout) == [
        (FILE_EXISTS.sentence, "alone.nii.gz"),
        (FILE_EXISTS.sentence, "half_0000.nii.gz"),
        (FILE_EXISTS.sentence, "lonely_0000.nii.gz"),
        (FILE_EXISTS.sentence, "lonely_0001.nii.gz"),
        (DESCRIPTION.sentence, "more_0002.nii.gz"),
    ]


def test_a_listed_case_that_is_not_there(tmp_path: Path) -> None:
    two_cases(tmp_path, suffix="")
    (tmp_path / "labelsTr/p2.nii.gz").unlink()
    describe(tmp_path, DECATHLON, training=listed("p2", "gone", "p 1"))
    layout = find(tmp_path)
    assert [case.patient_id for case in layout.cases] == ["p 1"]
    assert problems(layout) == [(LISTED.sentence, "gone.nii.gz"), (FILE_EXISTS.sentence, "p2.nii.gz")]
    assert "take that case out of dataset.json" in layout.problems[0].next_step


def test_fewer_cases_than_the_description_counts(tmp_path: Path) -> None:
    describe(tmp_path, NNUNET, numTraining=3)
    two_cases(tmp_path)
    assert problems(find(tmp_path)) == [(LISTED.sentence, "dataset.json")]
    assert "3, the folders have 2" in find(tmp_path).problems[0].found


def test_no_cases(tmp_path: Path) -> None:
    describe(tmp_path, NNUNET)
    (tmp_path / "imagesTr/p_0000.nii").write_bytes(b"another ending")
    assert problems(find(tmp_path)) == [(FILE_EXISTS.sentence, "imagesTr")]


def test_hidden_files_are_ignored_and_files_that_are_not_used_are_counted(tmp_path: Path) -> None:
    describe(tmp_path, DECATHLON, name="Hearts", training=listed("p 1"))
    two_cases(tmp_path, suffix="")
    put(tmp_path, "imagesTs/t1.nii.gz", VOXELS)
    for name in ("imagesTr/._p 1.nii.gz", "labelsTr/._p 1.nii.gz", "imagesTs/.DS_Store", "imagesTr/notes.txt"):
        (tmp_path / name).write_bytes(b"\0")
    layout = find(tmp_path)
    assert layout.problems == ()
    assert layout.note == "Hearts, as its dataset.json describes it; files left out: 1 of imagesTr and 1 of imagesTs."


@pytest.mark.parametrize("missing", ["dataset.json", "imagesTr", "labelsTr"])
def test_a_folder_of_another_layout(tmp_path: Path, missing: str) -> None:
    describe(tmp_path, NNUNET)
    (tmp_path / missing).unlink() if "." in missing else (tmp_path / missing).rmdir()
    with pytest.raises(FileError) as error:
        find(tmp_path)
    assert error.value.rule == KNOWN_LAYOUT.sentence
    assert missing in error.value.value


@pytest.mark.parametrize("root", [None, "nowhere"])
def test_no_folder(root: str | None) -> None:
    with pytest.raises(UserError) as error:
        find_nnunet(DataSettings(dataset="nnunet", root=root))
    assert error.value.rule == FOLDER_EXISTS.sentence


# A description that does not hold


ENTRIES: list[tuple[str, Any, str]] = [
    ("labels", None, "labels: nothing"),
    ("labels", [], "labels: []"),
    ("labels", ["background", "a"], "labels: ["),
    ("labels", {"background": "0", "a": "1"}, '"a": "1"'),
    ("labels", {"background": 0, "a": 1.5}, "1.5"),
    ("labels", {"background": False, "a": True}, "true"),
    ("labels", {"background": 0, "whole": [1, 2], "core": 2}, "whole"),
    ("labels", {"background": 0, "a": 1, "ignore": 2}, "ignore"),
    ("labels", {"0": "background", "1": "a", "2": "ignore"}, "ignore"),
    ("labels", {"a": 1, "b": 2}, '"1": "a"'),
    ("labels", {"background": 1, "a": 0}, "background"),
    ("labels", {"background": 0, "a": 1, "b": 1}, '[1, "b"]'),
    ("labels", {"background": 0, "a": -1}, "-1"),
    ("labels", {"background": 0}, "1 values"),
    ("labels", {str(i): i for i in range(257)}, "257 values"),
    ("channel_names", ["T1"], "channel_names: ["),
    ("channel_names", {}, "channel_names: {}"),
    ("channel_names", {"1": "T1"}, '"1"'),
    ("channel_names", {"0": 7}, "7"),
    ("file_ending", None, "file_ending: nothing"),
    ("file_ending", "nii.gz", "nii.gz"),
    ("file_ending", ".jpg", ".jpg"),
    ("file_ending", 3, "3"),
    ("numTraining", "2", '"2"'),
    ("numTraining", -2, "-2"),
    ("dataset", [], "dataset: []"),
    ("dataset", {"p": {"images": "imagesTr/p.nii.gz", "label": "labelsTr/p.nii.gz"}}, "dataset.p"),
    ("dataset", {"p": {"images": [], "label": "labelsTr/p.nii.gz"}}, "dataset.p"),
    ("dataset", {"p": {"images": ["imagesTr/p.nii.gz"], "label": 3}}, "dataset.p"),
    ("dataset", {"p": {"images": ["imagesTr/p.jpg"], "label": None}}, "p.jpg"),
    ("training", {"image": "imagesTr/p.nii.gz"}, "training: {"),
    ("training", ["imagesTr/p.nii.gz"], "training: "),
    ("training", [{"image": "imagesTr/p.nii.gz"}], "training: {"),
    ("training", [{"image": ["a.nii"], "label": "b.nii"}], "training: {"),
]


@pytest.mark.parametrize(("key", "value", "found"), ENTRIES)
def test_an_entry_of_another_kind_is_told_with_what_to_write(
    tmp_path: Path, key: str, value: object, found: str
) -> None:
    describe(tmp_path, NNUNET, **{key: value})
    with pytest.raises(FileError) as error:
        find(tmp_path)
    assert (error.value.rule, error.value.file) == (DESCRIPTION.sentence, str(tmp_path / "dataset.json"))
    assert error.value.value.startswith(key)
    assert found in error.value.value
    assert len(error.value.value) < 200
    assert error.value.next_step != DESCRIPTION.fix


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"x"', b"\xff\xfe\x00", b"[" * 100_000, b"null", b"1" * 9999])
def test_a_description_that_is_no_document(tmp_path: Path, content: bytes) -> None:
    describe(tmp_path, NNUNET)
    (tmp_path / "dataset.json").write_bytes(content)
    with pytest.raises(FileError) as error:
        find(tmp_path)
    assert (error.value.rule, error.value.file) == (DESCRIPTION.sentence, str(tmp_path / "dataset.json"))


def test_a_description_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    describe(tmp_path, NNUNET)
    two_cases(tmp_path)
    (tmp_path / "dataset.json").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "dataset.json").read_bytes())
    assert len(find(tmp_path).cases) == 2


def test_a_case_that_is_listed_twice(tmp_path: Path) -> None:
    describe(tmp_path, DECATHLON, training=listed("p2", "p2"))
    with pytest.raises(FileError) as error:
        find(tmp_path)
    assert error.value.rule == ONE_CASE_AN_ID.sentence
    assert error.value.value == "p2 is listed 2 times"


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_a_listed_name_that_no_disk_can_have(tmp_path: Path, name: str) -> None:
    describe(tmp_path, DECATHLON, training=listed(name))
    assert [problem.rule for problem in find(tmp_path).problems] == [LISTED.sentence]
