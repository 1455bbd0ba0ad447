import shutil
from pathlib import Path

import numpy as np
import pytest

from trimformer.records.errors import UserError
from trimformer.records.files import (
    read_arrays,
    read_json,
    read_text,
    remove_leftovers,
    write_arrays,
    write_json,
    write_whole,
)


def test_arrays_and_json_come_back(tmp_path: Path) -> None:
    write_arrays(tmp_path / "deep" / "a.npz", {"x/y": np.arange(3), "names": np.array(["é"])})
    arrays = read_arrays(tmp_path / "deep" / "a.npz", "Make it.")
    assert arrays["x/y"].tolist() == [0, 1, 2]
    assert arrays["names"].tolist() == ["é"]
    write_json(tmp_path / "a.json", {"a": [1, None]})
    assert read_json(tmp_path / "a.json", "Make it.") == {"a": [1, None]}


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="No space left"):
        write_whole(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    def look_on(temporary: Path) -> None:
        temporary.write_text("half")
        shutil.copytree(temporary.parent, tmp_path / "kept" / temporary.parent.name)

    write_whole(tmp_path / "a.b-c.txt", look_on)
    (tmp_path / "kept" / ".git-abcdefgh").mkdir()
    (tmp_path / "kept" / ".git-abcdefgh" / "other").touch()
    (tmp_path / "kept" / ".notes-abcdefgh").write_text("a file")
    (tmp_path / "kept" / "last.ckpt").touch()
    remove_leftovers(tmp_path / "kept")
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {".git-abcdefgh", ".notes-abcdefgh", "last.ckpt"}
    remove_leftovers(tmp_path / "nowhere")


def test_a_folder_that_cannot_be_made_is_a_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="must be writable"):
        write_json(tmp_path / "file" / "a.json", {})


def test_damaged_files_are_named(tmp_path: Path) -> None:
    write_arrays(tmp_path / "a.npz", {"x": np.zeros(1000)})
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"a\.npz"):
        read_arrays(tmp_path / "a.npz", "Make it.")
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(UserError, match="must be JSON"):
        read_json(tmp_path / "a.json", "Make it.")
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="UTF-8"):
        read_text(tmp_path / "a.txt", "Make it.")


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(UserError, match="whole npz"):
        read_arrays(tmp_path / "a.npz", "Make it.")
