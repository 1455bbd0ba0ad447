import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import nibabel
import numpy as np
import pytest
from made_datasets import IBSR_TRAINING, write_ibsr18_misa

Typed = Callable[..., tuple[int, str, str]]
SHAPE = (8, 7, 5)


@pytest.fixture
def data(trimformer: Typed, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Type `trimformer data ...` in a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    return partial(trimformer, "data")


def write_volume(file: Path, voxels: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    nibabel.Nifti1Image(voxels, np.diag([1.0, 1.5, 4.0, 1.0])).to_filename(file)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Ten patients of one's own, as nnU-Net wants them."""
    root = tmp_path / "own data"
    for number in range(10):
        labels = np.zeros(SHAPE, np.uint8)
        labels[2:4, 2:4, 2] = 1
        image = np.random.default_rng(number).random(SHAPE, np.float32)
        write_volume(root / "imagesTr" / f"p{number}_0000.nii.gz", image)
        write_volume(root / "labelsTr" / f"p{number}.nii.gz", labels)
    description = {
        "channel_names": {"0": "MRI"},
        "labels": {"background": 0, "tumour": 1},
        "numTraining": 10,
        "file_ending": ".nii.gz",
    }
    (root / "dataset.json").write_text(json.dumps(description))
    return root


def test_ibsr_18_has_ten_and_five_labelled_cases_and_three_unlabelled(data: Typed, tmp_path: Path) -> None:
    root = write_ibsr18_misa(tmp_path / "IBSR18")
    code, printed, complaint = data("check", "ibsr18", root, "--json")
    assert code == 0, complaint
    document = json.loads(printed)
    assert document["problems"] == []
    assert document["cases"] == {"training": 10, "validation": 5, "unlabelled": 3}
    assert document["slices"] == {"training": 80, "validation": 40, "unlabelled": 24}
    assert [label["name"] for label in document["labels"].values()] == [
        "background",
        "CSF",
        "gray matter",
        "white matter",
    ]
    assert sum(label["voxels"] for label in document["labels"].values()) == 15 * 32 * 8 * 32


def test_every_case_that_a_list_has_and_the_folder_has_not_is_told(data: Typed, tmp_path: Path) -> None:
    root = write_ibsr18_misa(tmp_path / "IBSR18", training=IBSR_TRAINING[8:])
    code, printed, _ = data("check", "ibsr18", root, "--json")
    assert code == 2
    (problem,) = json.loads(printed)["problems"]
    assert problem["rule"] == "A case that is listed is there"
    assert all(f"IBSR_{patient:02d}" in problem["found"] for patient in IBSR_TRAINING[:8])


def test_tables_say_what_is_there_and_what_comes_next(data: Typed, own: Path, tmp_path: Path) -> None:
    preview = tmp_path / "preview.png"
    code, printed, complaint = data("check", "nnunet", own, "--preview", preview, "--set", "selection_patients=1")
    assert code == 0, complaint
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines() if "│" in line]
    assert rows[0][:4] == ["training", "8", "40", "1×1.5×4"]
    assert ["1", "tumour", "10", "40", "0.024"] in rows
    assert any(row[:5] == ["p3", row[1], "8×7×5", "1×1.5×4", "RAS"] for row in rows)
    tables, *_ = printed.split("Preview:")
    assert max(map(len, tables.splitlines()[:-1])) <= 80
    assert printed.rstrip().endswith(
        f"trimformer data prepare nnunet '{own}' --set selection_patients=1 --out prepared/nnunet"
    )
    assert preview.read_bytes().startswith(b"\x89PNG")


def test_many_cases_are_not_listed_one_by_one(data: Typed, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trimformer.cli.check.MOST_CASES", 9)
    _, printed, _ = data("check", "nnunet", own)
    assert "--json lists all 10 cases" in printed
    assert "p3" not in printed


def test_every_problem_is_listed_under_its_rule_with_the_next_step(data: Typed, own: Path) -> None:
    write_volume(own / "labelsTr" / "p1.nii.gz", np.full(SHAPE, 3, np.uint8))
    write_volume(own / "labelsTr" / "p2.nii.gz", np.full(SHAPE, 4, np.uint8))
    (own / "imagesTr" / "p5_0000.nii.gz").write_bytes(b"\x1f\x8b nothing")
    code, printed, _ = data("check", "nnunet", own)
    assert code == 2
    assert "3 problems" in printed
    assert printed.count("Label values are those of the dataset") == 1
    for words in ("1. labelsTr/p1.nii.gz", "2. labelsTr/p2.nii.gz", "3. imagesTr/p5_0000.nii.gz", "found: 3", "next: "):
        assert words in printed
    assert "Nothing is wrong" not in printed
    document = json.loads(data("check", "nnunet", own, "--json")[1])
    assert [set(problem) for problem in document["problems"]] == [{"file", "rule", "found", "fix"}] * 3
    assert document["problems"][0]["file"] == str(own / "labelsTr" / "p1.nii.gz")


def test_a_folder_in_which_nothing_can_be_listed_is_a_problem_too(data: Typed, tmp_path: Path) -> None:
    code, printed, _ = data("check", "ibsr18", tmp_path / "nowhere", "--json")
    assert code == 2
    document = json.loads(printed)
    assert (document["layout"], document["cases"]) == ("none", {})
    assert [problem["rule"] for problem in document["problems"]] == ["The root of a dataset is a folder that exists"]
    code, printed, _ = data("check", "ibsr18", tmp_path / "nowhere")
    assert code == 2
    assert "1 problem\n" in printed


def test_a_preview_of_nothing_is_not_drawn(data: Typed, own: Path, tmp_path: Path) -> None:
    for image in (own / "imagesTr").iterdir():
        image.write_bytes(b"")
    code, printed, _ = data("check", "nnunet", own, "--preview", tmp_path / "preview.png", "--json")
    assert (code, json.loads(printed)["preview"]) == (2, None)
    assert not (tmp_path / "preview.png").exists()


def test_settings_are_those_of_the_section_data(data: Typed, own: Path) -> None:
    for override in ("slice_axis=0", "data.slice_axis=0"):
        document = json.loads(data("check", "nnunet", own, "--set", override, "--json")[1])
        assert document["preprocessing"]["slice_axis"] == 0
        assert sum(document["slices"].values()) == 10 * SHAPE[0]


def test_prepared_data_come_with_the_section_that_uses_them(data: Typed, own: Path, tmp_path: Path) -> None:
    out = tmp_path / "prepared"
    code, printed, complaint = data("prepare", "nnunet", own, "--out", out, "--set", "image_size=16", "--workers", 2)
    assert code == 0, complaint
    assert "10 patients prepared" in printed
    section = printed[printed.index("[data]") :].splitlines()
    assert section == ["[data]", 'dataset = "nnunet"', "image_size = 16", f'prepared = "{out}"']
    again = json.loads(data("prepare", "nnunet", own, "--out", out, "--set", "image_size=16", "--json")[1])
    assert again == {"prepared": str(out), "dataset": "nnunet", "patients": 10}


def test_a_split_can_be_edited_and_is_read_back(data: Typed, own: Path, tmp_path: Path) -> None:
    out = tmp_path / "sides.json"
    code, printed, complaint = data("split", "nnunet", own, "--out", out, "--seed", 3)
    assert code == 0, complaint
    assert f'split = "{out}"' in printed
    (sides,) = json.loads(out.read_text())
    assert sorted(patient for side in sides.values() for patient in side) == [f"p{number}" for number in range(10)]
    sides["validation"].append(sides["training"].pop())
    out.write_text(json.dumps([sides]))
    document = json.loads(data("check", "nnunet", own, "--set", f"split={out}", "--json")[1])
    assert document["cases"]["validation"] == len(sides["validation"]) == 3


def test_folds_are_dealt_by_the_seed_and_each_patient_validates_once(data: Typed, own: Path, tmp_path: Path) -> None:
    splits = []
    for seed in (0, 0, 1):
        out = tmp_path / "folds.json"
        code, printed, complaint = data(
            "split", "nnunet", own, "--out", out, "--folds", 5, "--seed", seed, "--force", "--json"
        )
        assert code == 0, complaint
        assert json.loads(printed)["splits"] == json.loads(out.read_text())
        splits.append(json.loads(out.read_text()))
    assert splits[0] == splits[1] != splits[2]
    validated = sorted(patient for fold in splits[0] for patient in fold["validation"])
    assert validated == [f"p{number}" for number in range(10)]


def test_a_split_that_may_have_been_edited_is_not_written_over(data: Typed, own: Path, tmp_path: Path) -> None:
    out = tmp_path / "sides.json"
    out.write_text("edited")
    code, _, complaint = data("split", "nnunet", own, "--out", out)
    assert (code, out.read_text()) == (2, "edited")
    assert "--force" in complaint
    assert data("split", "nnunet", own, "--out", out, "--force")[0] == 0
    assert out.read_text() != "edited"


def test_help_names_every_command(data: Typed) -> None:
    code, printed, _ = data("--help")
    assert code == 0
    for command in ("check", "prepare", "split", "augmentation"):
        assert command in printed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "ibsr19"], ["ibsr19", "ibsr18, emidec, synapse, nnunet, brain, phantom"]),
        (["check", "ibsr18", "--set", "slice_axis=7"], ["data.slice_axis", "7"]),
        (["check", "ibsr18", "--set", "depth=7"], ["data.depth", "slice_axis"]),
        (["check", "ibsr18", "--set", "depth"], ["key=value"]),
        (["check", "ibsr18", "--preview", "sheet.jpg"], [".png", "sheet.jpg"]),
        (["prepare", "emidec", "nowhere", "--out", "prepared"], ["folder that exists", "nowhere"]),
        (["prepare", "emidec", "nowhere"], ["--out"]),
        (["split", "emidec", "nowhere", "--out", "sides.json"], ["folder that exists", "nowhere"]),
        (["split", "brain", "--out", "sides.json", "--folds", "1"], ["data.folds", "1"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_users_mistake_is_one_message_and_exit_code_2(
    data: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, printed, complaint = data(*arguments)
    assert (code, printed) == (2, "")
    assert all(word in complaint for word in words)
    assert "Traceback" not in complaint
    assert list(tmp_path.iterdir()) == []
