from pathlib import Path

import numpy as np
import pytest

from trimformer.data.brain.cache import cached_patient
from trimformer.data.cache_folder import cache_folder
from trimformer.data.patient import Patient


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


class Maker:
    """Counts how often a patient is made."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Patient:
        self.calls += 1
        image = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
        return Patient("a", image, (image > 5).astype(np.uint8), np.diag([1.5, 1.5, 4.0, 1.0]))


def test_a_patient_is_made_once_and_read_back_whole() -> None:
    make = Maker()
    made, read = (cached_patient("a", {"seed": 0}, make) for _ in range(2))
    assert make.calls == 1
    assert made.labels is not None
    for before, after in [(made.image, read.image), (made.labels, read.labels), (made.affine, read.affine)]:
        assert after is not None
        assert before.dtype == after.dtype
        np.testing.assert_array_equal(before, after)


def test_other_settings_make_another_patient() -> None:
    make = Maker()
    for settings in ({"seed": 0}, {"seed": 1}, {"seed": 0, "version": 2}):
        cached_patient("a", settings, make)
    assert make.calls == 3


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no archive at all"])
def test_a_damaged_file_is_made_again(content: bytes) -> None:
    make = Maker()
    cached_patient("a", 0, make)
    (file,) = cache_folder().iterdir()
    file.write_bytes(content)
    cached_patient("a", 0, make)
    cached_patient("a", 0, make)
    assert make.calls == 2


def test_a_file_cut_short_is_made_again() -> None:
    make = Maker()
    cached_patient("a", 0, make)
    (file,) = cache_folder().iterdir()
    file.write_bytes(file.read_bytes()[:-40])
    cached_patient("a", 0, make)
    assert make.calls == 2


def test_a_cache_that_cannot_be_written_is_done_without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert cached_patient("a", 0, Maker()).patient_id == "a"


def test_without_xdg_the_cache_lies_in_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "trimformer"
