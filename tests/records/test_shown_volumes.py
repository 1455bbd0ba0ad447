from pathlib import Path

import numpy as np
import pytest

from trimformer.records.errors import UserError
from trimformer.records.files import read_arrays, write_arrays
from trimformer.records.shown_volumes import ShownVolume, read_volumes, write_volumes


def made(patient_id: str) -> ShownVolume:
    scan = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    affine = np.diag([1.0, 1.5, 3.0, 1.0])
    return ShownVolume(patient_id, scan, -5.0, 7.5, "stored", scan % 3, scan % 2, affine, False, (1, 1, 2), 4, 2)


def test_patients_come_back_as_they_were(tmp_path: Path) -> None:
    write_volumes(tmp_path / "volumes.npz", [made("a"), made("b & <c>")])
    first, second = read_volumes(tmp_path / "volumes.npz")
    assert (first.patient_id, second.patient_id) == ("a", "b & <c>")
    assert (second.low, second.high, second.unit, second.has_geometry) == (-5.0, 7.5, "stored", False)
    assert (second.step, second.outside, second.num_channels) == ((1, 1, 2), 4, 2)
    for name in ("scan", "truth", "prediction", "affine"):
        assert (getattr(second, name) == getattr(made(""), name)).all()
    assert first.is_of_the_same_voxels(second)


def test_no_patients_are_none(tmp_path: Path) -> None:
    write_volumes(tmp_path / "volumes.npz", [])
    assert read_volumes(tmp_path / "volumes.npz") == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"0-truth": np.zeros((2, 3, 5), np.uint8)},
        {"0-scan": np.zeros((2, 3, 4), np.float32)},
        {"0-affine": np.full((4, 4), np.nan)},
        {"0-affine": np.eye(3)},
        {"count": np.array(2)},
    ],
    ids=["another shape", "another type", "no numbers", "no affine", "a patient too few"],
)
def test_what_is_no_volume_is_refused_with_its_file(changed: dict[str, np.ndarray], tmp_path: Path) -> None:
    file = tmp_path / "volumes.npz"
    write_volumes(file, [made("a")])
    write_arrays(file, read_arrays(file, "") | changed)
    with pytest.raises(UserError, match=r"volumes\.npz"):
        read_volumes(file)


def test_other_voxels_are_told_from_the_same() -> None:
    moved = ShownVolume(**(made("a").__dict__ | {"affine": np.eye(4)}))
    relabelled = ShownVolume(**(made("a").__dict__ | {"truth": made("a").truth + 1}))
    assert not made("a").is_of_the_same_voxels(moved)
    assert not made("a").is_of_the_same_voxels(relabelled)
