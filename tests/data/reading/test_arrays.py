import pickle
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from trimformer.data.layout import Case
from trimformer.data.reading.arrays import read_slice_volume, read_slices
from trimformer.data.rules import (
    FILE_EXISTS,
    FINITE,
    KNOWN_LABELS,
    NOT_EMPTY,
    READABLE,
    SAME_SHAPE,
    THREE_AXES,
    WHOLE_LABELS,
    Rule,
)
from trimformer.data.scan import Scan
from trimformer.records.errors import FileError

IMAGE = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
LABELS = np.eye(3, 4, dtype=np.float32)
VALUES = {0: 0, 1: 1}


def _npz(path: Path, **arrays: object) -> Scan:
    np.savez(path, **({"image": IMAGE, "label": LABELS} | arrays))  # type: ignore[arg-type]
    return read_slices(Case("p", (path,), (path,)), VALUES)


def _h5(path: Path, **arrays: object) -> Scan:
    with h5py.File(path, "w") as file:
        for key, value in ({"image": IMAGE[None], "label": LABELS[None]} | arrays).items():
            file[key] = value
    return read_slice_volume(Case("p", (path,), (path,)))


def _refused(path: Path, rule: Rule) -> str:
    """What is found in a file that breaks a rule."""
    case = Case("p", (path,), (path,))
    with pytest.raises(FileError, match=rule.sentence) as error:
        read_slice_volume(case) if path.suffix == ".h5" else read_slices(case, VALUES)
    assert error.value.file == str(path)
    return error.value.value


def test_slices_are_stacked_and_labels_take_one_byte(tmp_path: Path) -> None:
    paths = tuple(tmp_path / f"{number}.npz" for number in range(3))
    for number, path in enumerate(paths):
        np.savez(path, image=IMAGE.astype(np.float64) + number, label=LABELS)
    scan = read_slices(Case("p", paths, paths), VALUES)
    (channel,) = scan.channels
    np.testing.assert_array_equal(channel.voxels, np.stack([IMAGE, IMAGE + 1, IMAGE + 2]))
    assert channel.voxels.dtype == np.float32
    assert scan.labels is not None
    assert scan.labels.voxels.dtype == np.uint8
    assert scan.labels.voxels.sum() == 9
    np.testing.assert_array_equal(channel.affine, np.eye(4))


def test_an_h5_volume_is_read_as_it_lies(tmp_path: Path) -> None:
    scan = _h5(tmp_path / "a.h5", label=LABELS[None].astype(np.int64) * 300)
    np.testing.assert_array_equal(scan.channels[0].voxels, IMAGE[None])
    assert scan.labels is not None
    assert scan.labels.voxels.max() == 300  # kept, to be refused by its name
    packed = tmp_path / "packed.h5"
    with h5py.File(packed, "w") as file:
        file.create_dataset("image", data=np.zeros((4, 512, 512), np.float32), compression="gzip")
        file.create_dataset("label", data=np.zeros((4, 512, 512), np.float32), compression="gzip")
    assert read_slice_volume(Case("p", (packed,), (packed,))).channels[0].voxels.shape == (4, 512, 512)


@pytest.mark.parametrize(
    ("rule", "arrays", "found"),
    [
        (READABLE, {"image": np.array(["a"])}, "image holds <U1, where numbers are meant"),
        (READABLE, {"image": IMAGE * 1j}, "image holds complex64, where numbers are meant"),
        (READABLE, {"label": np.array([{}])}, "Object arrays cannot be loaded when allow_pickle=False"),
        (NOT_EMPTY, {"image": IMAGE[:0]}, "shapes (0, 4) and (3, 4)"),
        (THREE_AXES, {"image": IMAGE[None]}, "a slice of shape (1, 3, 4)"),
        (SAME_SHAPE, {"label": LABELS.T}, "labels (4, 3) beside an image of (3, 4)"),
        (FINITE, {"image": np.where(IMAGE < 0.2, np.nan, IMAGE)}, "3 of 12 pixels are not"),
        (FINITE, {"image": IMAGE.astype(np.float64) * 1e300}, "11 of 12 pixels are not"),
        (WHOLE_LABELS, {"label": LABELS / 2}, "0.5"),
        (WHOLE_LABELS, {"label": np.where(LABELS == 1, np.nan, LABELS)}, "nan"),
        (KNOWN_LABELS, {"label": LABELS * 7}, "7, where 0, 1 are meant"),
        (KNOWN_LABELS, {"label": -LABELS}, "-1, where 0, 1 are meant"),
        (WHOLE_LABELS, {"label": IMAGE, "image": LABELS}, "0.0909090936183929"),
    ],
)
def test_a_slice_that_breaks_a_rule_is_named(tmp_path: Path, rule: Rule, arrays: dict[str, object], found: str) -> None:
    path = tmp_path / "slice.npz"
    with pytest.raises(FileError):
        _npz(path, **arrays)
    assert _refused(path, rule).startswith(found)


def test_an_archive_member_that_is_no_array_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    _npz(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content.replace(b"NUMPY", b"NAMPY"))
    assert _refused(path, READABLE) == "image is no array"


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64, np.float16, np.float64, ">f4", ">i2"])
def test_h5_numbers_of_any_usual_kind_are_read(tmp_path: Path, kind: type | str) -> None:
    scan = _h5(tmp_path / "a.h5", label=LABELS[None].astype(kind))
    assert scan.labels is not None
    np.testing.assert_array_equal(scan.labels.voxels, LABELS[None])


def test_h5_numbers_with_another_exponent_are_refused(tmp_path: Path) -> None:
    odd = h5py.h5t.IEEE_F32LE.copy()
    odd.set_ebias(100)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        space = h5py.h5s.create_simple((1, 3, 4))
        h5py.h5d.create(file.id, b"image", odd, space).write(h5py.h5s.ALL, h5py.h5s.ALL, IMAGE[None])
        file["label"] = LABELS[None]
    assert _refused(tmp_path / "a.h5", READABLE) == "/image holds numbers of no usual kind"


def test_arrays_under_other_keys_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", img=IMAGE, label=LABELS)
    assert _refused(tmp_path / "a.npz", READABLE) == "no array image; there are: img, label"
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_group("image")
        file["label"] = LABELS
    assert _refused(tmp_path / "a.h5", READABLE) == "/image is no array"


@pytest.mark.parametrize("name", ["a.npz", "a.h5"])
def test_a_file_that_is_cut_empty_missing_or_something_else_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert _refused(path, FILE_EXISTS) == "no such file"
    _npz(path) if name == "a.npz" else _h5(path)
    content = path.read_bytes()
    for kept in (content[:-100], content[: len(content) // 2], content[:10], b"", b"no archive at all", b"\x80" * 999):
        path.write_bytes(kept)
        assert _refused(path, READABLE)


def test_bytes_that_were_changed_are_noticed_by_their_checksum(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    _npz(path)
    content = bytearray(path.read_bytes())
    place = content.index(IMAGE.tobytes()) + 20
    content[place] ^= 0x10
    path.write_bytes(content)
    assert "CRC" in _refused(path, READABLE)


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(pickle.dumps({"image": IMAGE, "label": LABELS}))
    assert "pickled" in _refused(path, READABLE)
    with path.open("wb") as file:
        np.save(file, IMAGE)
    assert _refused(path, READABLE) == "one array, where an archive of two is meant"


def test_an_h5_array_that_promises_more_than_is_stored_is_not_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("image", shape=(10**5, 10**5), dtype=np.float32, chunks=(512, 512))
        file["label"] = LABELS
    assert "40000000000 bytes, 0 are stored" in _refused(path, READABLE)
    with h5py.File(path, "w") as file:
        file.create_dataset("image", shape=(3, 4), dtype=np.float32)
        file["label"] = LABELS
    assert "48 bytes, 0 are stored" in _refused(path, READABLE)
