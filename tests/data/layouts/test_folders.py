from pathlib import Path

import pytest

from trimformer.data.layouts.folders import dataset_root, entries, inside, one_an_id, the_one_folder
from trimformer.data.rules import FOLDER_EXISTS, KNOWN_LAYOUT, ONE_CASE_AN_ID
from trimformer.records.errors import FileError
from trimformer.records.settings import DataSettings


def test_a_root_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for root, found in ((None, "nothing"), ("nowhere", "no such folder"), ("file", "a file")):
        with pytest.raises(FileError, match=FOLDER_EXISTS.sentence) as error:
            dataset_root(DataSettings(root=None if root is None else str(tmp_path / root)))
        assert error.value.value == found
    assert dataset_root(DataSettings(root=str(tmp_path))) == tmp_path


def test_a_root_may_begin_with_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "IBSR18").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert dataset_root(DataSettings(root="~/IBSR18")) == tmp_path / "IBSR18"


def test_hidden_entries_are_no_part_of_a_dataset(tmp_path: Path) -> None:
    for name in ("b", "a", "._a", ".DS_Store"):
        (tmp_path / name).touch()
    assert [entry.name for entry in entries(tmp_path)] == ["a", "b"]
    assert entries(tmp_path / "nowhere") == ()


def test_a_dataset_may_lie_one_folder_below_its_root(tmp_path: Path) -> None:
    (tmp_path / "download" / "x").mkdir(parents=True)
    (tmp_path / "other").mkdir()

    def has_x(folder: Path) -> bool:
        return (folder / "x").is_dir()

    assert the_one_folder(tmp_path, has_x, "x") == tmp_path / "download"
    assert the_one_folder(tmp_path / "download", has_x, "x") == tmp_path / "download"
    with pytest.raises(FileError, match=KNOWN_LAYOUT.sentence) as none:
        the_one_folder(tmp_path / "other", has_x, "x")
    assert none.value.value == "no x"
    (tmp_path / "other" / "x").mkdir()
    with pytest.raises(FileError, match=KNOWN_LAYOUT.sentence) as several:
        the_one_folder(tmp_path, has_x, "x")
    assert several.value.value == "several: download, other"


def test_names_are_found_in_any_case_and_the_first_one_is_missed(tmp_path: Path) -> None:
    (tmp_path / "ibsr_01.NII").touch()
    assert inside(tmp_path, "IBSR_01.nii.gz", "IBSR_01.nii").name == "ibsr_01.NII"
    assert inside(tmp_path, "IBSR_02.nii.gz", "IBSR_02.nii") == tmp_path / "IBSR_02.nii.gz"


def test_every_further_place_of_a_patient_is_told() -> None:
    places = [("a", Path("1")), ("b", Path("2")), ("a", Path("3")), ("a", Path("4"))]
    first, errors = one_an_id(places)
    assert first == {"a": Path("1"), "b": Path("2")}
    assert [(error.file, error.rule, error.value) for error in errors] == [
        ("3", ONE_CASE_AN_ID.sentence, "a is in 1 too"),
        ("4", ONE_CASE_AN_ID.sentence, "a is in 1 too"),
    ]
