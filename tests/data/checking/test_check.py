import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from trimformer.data.checking.check import check_dataset
from trimformer.data.checking.pictures import SlicePictures
from trimformer.data.layout import Case, Layout
from trimformer.data.patient import Patient
from trimformer.data.preprocessing import Preprocessing
from trimformer.data.reading.pairs import read_pair
from trimformer.data.rules import DESCRIPTION, FILE_EXISTS
from trimformer.data.scan import Scan, Volume
from trimformer.records.data_check import DataCheck, Problem
from trimformer.records.errors import UserError
from trimformer.records.settings import DataSettings

SHAPE = (6, 5, 4)
SETTINGS = DataSettings(selection_patients=1)
RIGHT, ANTERIOR, SUPERIOR = 0, 1, 2


def write(file: Path, voxels: np.ndarray, affine: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    nibabel.Nifti1Image(voxels, affine).to_filename(file)


def add_case(root: Path, name: str, affine: np.ndarray | None = None, labelled: bool = True) -> Case:
    """An image of 0 ... 119, and labels with two voxels of 3, which is learnt as 1, and one of 7, learnt as 2."""
    affine = np.diag([1.0, 2.0, 3.0, 1.0]) if affine is None else affine
    image, drawn = root / f"{name}.nii.gz", root / f"{name}_seg.nii.gz"
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:3, 2, 3], labels[5, 4, 0] = 3, 7
    write(image, np.arange(120, dtype=np.float32).reshape(SHAPE), affine)
    if labelled:
        write(drawn, labels, affine)
    return Case(name, (image,), (drawn,) if labelled else None)


def layout_of(cases: Sequence[Case], **changes: object) -> Layout:
    layout = Layout(
        "made", "pairs", "Made by a test.", tuple(cases), {1: "fat", 2: "bone"}, {0: 0, 3: 1, 7: 2},
        Preprocessing(16), read_pair,
    )  # fmt: skip
    return replace(layout, **changes)  # type: ignore[arg-type]


@pytest.fixture
def cases(tmp_path: Path) -> list[Case]:
    """Five labelled patients and one whom nobody labelled."""
    return [*(add_case(tmp_path, f"p{number}") for number in range(5)), add_case(tmp_path, "q", labelled=False)]


def check(layout: Layout, settings: DataSettings = SETTINGS) -> DataCheck:
    return check_dataset(layout, settings)


def problems(layout: Layout) -> list[tuple[str, str]]:
    """File name and rule of every problem."""
    return [(Path(problem.file).name, problem.rule) for problem in check(layout).problems]


def test_cases_slices_and_labels_are_counted_by_split(cases: list[Case]) -> None:
    found = check(layout_of(cases))
    assert found.problems == ()
    assert found.cases == {"training": 4, "validation": 1, "unlabelled": 1}
    assert found.slices == {"training": 16, "validation": 4, "unlabelled": 4}
    assert {value: (label.name, label.voxels) for value, label in found.labels.items()} == {
        0: ("background", 5 * 117),
        1: ("fat", 5 * 2),
        2: ("bone", 5),
    }


def test_the_json_has_the_keys_of_its_readers(cases: list[Case]) -> None:
    document = check(layout_of(cases)).model_dump(mode="json")
    assert (document["dataset"], document["layout"]) == ("made", "pairs")
    assert document["labels"]["2"] == {"name": "bone", "voxels": 5}
    assert document["problems"] == []


def test_a_check_that_was_saved_reads_back(cases: list[Case], tmp_path: Path) -> None:
    found = check(layout_of(cases, problems=(FILE_EXISTS.broken("here", "nothing"),)))
    found.save(tmp_path / "check.json")
    assert DataCheck.load(tmp_path / "check.json") == found


def test_volumes_spacings_intensities_and_axes_are_told(cases: list[Case], tmp_path: Path) -> None:
    flipped = add_case(tmp_path, "p9", affine=np.array([[0, -2, 0, 0], [2, 0, 0, 0], [0, 0, 3, 0], [0, 0, 0, 1.0]]))
    found = check(layout_of([*cases, flipped]))
    assert found.spacing_mm == ((1.0, 2.0), (2.0, 2.0), (3.0, 3.0))
    assert found.label_volumes_ml[1] == pytest.approx((0.012, 0.024))
    assert found.intensities == (0.0, 119.0)
    assert [case.axes for case in found.patients][-2:] == ["RAS", "ALS"]
    assert found.patients[-1].voxels == {0: 117, 1: 2, 2: 1}


@pytest.mark.parametrize(
    ("preprocessing", "slices"),
    [
        (Preprocessing(16, slice_axis=0), 6),
        (Preprocessing(16, slice_axis=1), 5),
        (Preprocessing(16, slice_axis=0, orientation="SAR"), 4),
        (Preprocessing(16, slice_axis=2, orientation="ASL"), 6),
    ],
    ids=["first axis", "second axis", "turned, first axis", "turned, third axis"],
)
def test_slices_are_counted_after_turning(cases: list[Case], preprocessing: Preprocessing, slices: int) -> None:
    assert check(layout_of(cases, preprocessing=preprocessing)).slices["validation"] == slices


def test_published_sides_count_selection_as_training_and_name_the_unused(cases: list[Case]) -> None:
    listed = {"training": ("p0", "p1"), "validation": ("p2", "p3")}
    assert check(layout_of(cases, listed=listed)).cases == {
        "training": 2,
        "validation": 2,
        "unlabelled": 1,
        "unused": 1,
    }


def test_every_problem_of_a_folder_is_told_at_once(cases: list[Case], tmp_path: Path) -> None:
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    (tmp_path / "p0.nii.gz").write_bytes((tmp_path / "p0.nii.gz").read_bytes()[:100])
    write(tmp_path / "p1.nii.gz", np.full(SHAPE, np.nan, np.float32), affine)
    write(tmp_path / "p1_seg.nii.gz", np.full(SHAPE, 9, np.uint8), affine)
    write(tmp_path / "p2_seg.nii.gz", np.full((6, 5, 3), 3, np.uint8), affine)
    (tmp_path / "p3_seg.nii.gz").unlink()
    write(tmp_path / "q.nii.gz", np.zeros(SHAPE, np.float32), affine)
    layout = layout_of(cases, problems=(DESCRIPTION.broken(tmp_path / "dataset.json", "no labels"),))
    assert problems(layout) == [
        ("dataset.json", "dataset.json describes its dataset"),
        ("p0.nii.gz", "A file is whole and in the format of its name"),
        ("p1.nii.gz", "Voxels are finite numbers"),
        ("p1_seg.nii.gz", "Label values are those of the dataset"),
        ("p2_seg.nii.gz", "Labels and every channel have the shape of their image"),
        ("p3_seg.nii.gz", "Every case has its image and its labels"),
        ("q.nii.gz", "The voxels of an image differ"),
    ]
    found = check(layout)
    assert [case.patient_id for case in found.patients] == ["p4"]
    assert sum(found.cases.values()) == 6
    assert sum(found.slices.values()) == 4
    assert found.labels[2].voxels == 1


def test_labels_of_a_broken_image_may_be_constant_or_of_one_voxel(cases: list[Case], tmp_path: Path) -> None:
    for name, shape in (("p0", SHAPE), ("p1", (1, 1, 1))):
        (tmp_path / f"{name}.nii.gz").unlink()
        write(tmp_path / f"{name}_seg.nii.gz", np.zeros(shape, np.uint8), np.eye(4))
    assert [name for name, _ in problems(layout_of(cases))] == ["p0.nii.gz", "p1.nii.gz"]


def test_a_problem_that_names_and_files_both_show_is_told_once(cases: list[Case], tmp_path: Path) -> None:
    (tmp_path / "p0.nii.gz").unlink()
    layout = layout_of(cases, problems=(FILE_EXISTS.broken(tmp_path / "p0.nii.gz", "no such file"),))
    assert problems(layout) == [("p0.nii.gz", FILE_EXISTS.sentence)]


def test_a_listed_case_that_is_not_there_is_a_problem_and_the_rest_is_checked(cases: list[Case]) -> None:
    found = check(layout_of(cases, listed={"training": ("p0", "p1"), "validation": ("p2", "p8")}))
    assert [(problem.rule, "p8" in problem.found) for problem in found.problems] == [
        ("A case that is listed is there", True)
    ]
    assert found.cases == {"training": 0, "validation": 0, "unlabelled": 1, "labelled": 5}
    assert found.slices["labelled"] == 20


def test_a_patient_on_two_sides_is_a_problem_of_the_folder(cases: list[Case]) -> None:
    listed = {"training": ("p0", "p1"), "validation": ("p1", "p2")}
    found = check(layout_of(cases, listed=listed), DataSettings(root="the/folder", selection_patients=1))
    assert found.problems == (
        Problem(
            file=str(Path("the/folder").absolute()),
            rule="A patient is on one side of a split, once",
            found="p1",
            fix="Take those patients off one side.",
        ),
    )


def test_an_image_that_clipping_leaves_constant_is_refused(cases: list[Case]) -> None:
    found = check(layout_of(cases[:3], preprocessing=Preprocessing(16, clip=(119.0, 500.0))))
    assert [problem.rule for problem in found.problems] == ["The voxels of an image differ"] * 3
    assert "0 to 119, all 119" in found.problems[0].found
    assert check(layout_of(cases[:3], preprocessing=Preprocessing(16, clip=(118.0, 500.0)))).problems == ()


def test_problems_keep_the_order_of_the_cases_whichever_is_read_first(cases: list[Case]) -> None:
    last_was_read = threading.Event()

    def read(case: Case) -> Scan:
        if case.patient_id == "p4":
            last_was_read.set()
        elif case.patient_id == "p1":
            assert last_was_read.wait(5)
        raise UserError("A case is read", case.patient_id, "Wait.")

    found = check(layout_of(cases, read=read)).problems
    assert [problem.found for problem in found] == ["p0", "p1", "p2", "p3", "p4", "q"]


def test_progress_is_told_after_every_case(cases: list[Case]) -> None:
    told: list[tuple[str, int, int]] = []
    check_dataset(layout_of(cases), SETTINGS, lambda *step: told.append(step))
    assert told == [("checking", number, 6) for number in range(1, 7)]


def test_whoever_looks_sees_every_case_that_breaks_no_rule(cases: list[Case], tmp_path: Path) -> None:
    (tmp_path / "p0.nii.gz").unlink()
    seen: dict[str, tuple[str, tuple[int, ...]]] = {}

    def look(case: Case, split: str, patient: Patient) -> None:
        seen[case.patient_id] = (split, patient.image.shape)

    check_dataset(layout_of(cases, listed={"training": ("p1", "p2"), "validation": ("p0",)}), SETTINGS, look=look)
    assert sorted(seen) == ["p1", "p2", "p3", "p4", "q"]
    assert (seen["p1"], seen["q"]) == (("training", (1, *SHAPE)), ("unlabelled", (1, *SHAPE)))


def seen(layout: Layout, most: int = 36) -> SlicePictures:
    pictures = SlicePictures(layout, most)
    check_dataset(layout, SETTINGS, look=pictures.look)
    return pictures


def test_pictures_are_of_cases_spread_evenly_and_of_none_that_is_broken(cases: list[Case], tmp_path: Path) -> None:
    assert [picture.patient_id for picture in seen(layout_of(cases), most=3).pictures] == ["p0", "p2", "q"]
    (tmp_path / "p2.nii.gz").unlink()
    assert [picture.patient_id for picture in seen(layout_of(cases), most=3).pictures] == ["p0", "q"]
    assert len(seen(layout_of(cases)).pictures) == 5


def test_the_slice_with_most_foreground_is_kept_and_the_middle_one_without_labels(cases: list[Case]) -> None:
    first, *_, last = seen(layout_of(cases)).pictures
    assert (first.slice_index, first.num_slices, last.slice_index, last.labels) == (3, 4, 2, None)
    assert first.image.tolist() == np.arange(120).reshape(SHAPE)[:, :, 3].tolist()
    assert first.labels is not None
    assert np.argwhere(first.labels).tolist() == [[1, 2], [2, 2]]
    assert (first.towards, first.spacing_mm) == (("R", "A"), (1, 2))


def test_a_picture_keeps_no_volume_in_memory(cases: list[Case]) -> None:
    def read(case: Case) -> Scan:
        """Slices along the first axis lie in one piece, so a picture could be a view of its volume."""
        scan = read_pair(case)
        channels = (Volume(np.ascontiguousarray(one.voxels), one.affine) for one in scan.channels)
        return Scan(tuple(channels), scan.labels)

    picture = seen(layout_of(cases, read=read, preprocessing=Preprocessing(16, slice_axis=0))).pictures[0]
    assert picture.image.base is None


def test_a_picture_shows_clipped_intensities(cases: list[Case]) -> None:
    picture = seen(layout_of(cases, preprocessing=Preprocessing(16, clip=(10.0, 50.0)))).pictures[0]
    assert (picture.image.min(), picture.image.max()) == (10, 50)


@pytest.mark.parametrize("orientation", [None, "RAS", "PIL", "SLA"])
@pytest.mark.parametrize("codes", ["RAS", "LPS", "SRA", "AIL"])
@pytest.mark.parametrize("world_axis", [RIGHT, ANTERIOR, SUPERIOR])
def test_a_picture_leads_right_anterior_and_superior_however_it_is_stored(
    codes: str, orientation: str | None, world_axis: int, tmp_path: Path
) -> None:
    """The voxels say where they are in RAS+ millimetres, and each axis has its own spacing."""
    stored = [world_axis_of(code) for code in codes]
    shape = tuple(SHAPE[axis] for axis in stored)
    affine = affine_of(codes, shape)
    x, y, z = (affine[:3, :3] @ np.indices(shape).reshape(3, -1) + affine[:3, 3:]).reshape(3, *shape)
    write(tmp_path / "p.nii.gz", (x + 100 * y + 10000 * z).astype(np.float32), affine)
    turned = stored if orientation is None else [world_axis_of(code) for code in orientation]
    preprocessing = Preprocessing(16, slice_axis=turned.index(world_axis), orientation=orientation)
    picture = seen(layout_of([Case("p", (tmp_path / "p.nii.gz",), None)], preprocessing=preprocessing)).pictures[0]
    first, second = (axis for axis in range(3) if axis != world_axis)
    assert picture.towards == ("RAS"[first], "RAS"[second])
    assert picture.image.shape == (SHAPE[first], SHAPE[second])
    assert picture.spacing_mm == (first + 1.0, second + 1.0)
    steps = [1, 200, 30000]
    assert np.all(np.diff(picture.image, axis=0) == steps[first])
    assert np.all(np.diff(picture.image, axis=1) == steps[second])


def world_axis_of(code: str) -> int:
    return next(place for place, pair in enumerate(("RL", "AP", "SI")) if code in pair)


def affine_of(codes: str, shape: tuple[int, ...]) -> np.ndarray:
    """Axes that lead where the codes say, 1 mm to the right, 2 mm to anterior, 3 mm up; from 0 on."""
    affine = np.diag([0.0, 0, 0, 1])
    for axis, code in enumerate(codes):
        world, sign = world_axis_of(code), 1 if code in "RAS" else -1
        affine[world, axis] = sign * (world + 1)
        affine[world, 3] = 0 if sign > 0 else (world + 1) * (shape[axis] - 1)
    return affine
