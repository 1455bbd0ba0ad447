from pathlib import Path

import nibabel
import numpy as np
import pytest

from trimformer.data.layout import Case
from trimformer.data.reading.pairs import read_pair
from trimformer.records.errors import FileError

VOXELS = np.arange(24, dtype=np.int16).reshape(2, 3, 4)


def _written(path: Path, voxels: np.ndarray) -> Path:
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([1.0, 2.0, 3.0, 1.0])), path)
    return path


def test_channels_keep_the_order_of_their_files_and_labels_their_type(tmp_path: Path) -> None:
    images = (_written(tmp_path / "b.nii.gz", VOXELS), _written(tmp_path / "a.nii", VOXELS + 100))
    labels = _written(tmp_path / "labels.nii.gz", VOXELS.astype(np.uint8))
    scan = read_pair(Case("p", images, (labels,)))
    assert [channel.voxels[0, 0, 0] for channel in scan.channels] == [0, 100]
    assert {channel.voxels.dtype for channel in scan.channels} == {np.dtype(np.float32)}
    assert scan.labels is not None
    assert scan.labels.voxels.dtype == np.uint8
    assert scan.labels.spacing_mm.tolist() == [1, 2, 3]


def test_the_fourth_axis_is_channels_only_where_that_is_said(tmp_path: Path) -> None:
    case = Case("p", (_written(tmp_path / "a.nii.gz", np.stack([VOXELS, VOXELS + 100], axis=-1)),), None)
    assert [channel.voxels.shape for channel in read_pair(case).channels] == [(2, 3, 4, 2)]
    first, second = read_pair(case, channels_last=True).channels
    np.testing.assert_array_equal(first.voxels, VOXELS)
    np.testing.assert_array_equal(second.voxels, VOXELS + 100)
    assert read_pair(case).labels is None


def test_a_volume_of_three_axes_is_one_channel_either_way(tmp_path: Path) -> None:
    case = Case("p", (_written(tmp_path / "a.nii.gz", VOXELS),), None)
    assert [channel.voxels.shape for channel in read_pair(case, channels_last=True).channels] == [(2, 3, 4)]


@pytest.mark.parametrize(
    ("kind", "found"),
    [([("R", "u1"), ("G", "u1"), ("B", "u1")], "colours, R, G, B"), (np.complex64, "voxels of type complex64")],
    ids=["colours", "complex"],
)
def test_voxels_that_are_no_plain_numbers_are_refused(tmp_path: Path, kind: object, found: str) -> None:
    case = Case("p", (_written(tmp_path / "a.nii.gz", np.zeros((4, 4, 4), kind)),), None)  # type: ignore[call-overload]
    with pytest.raises(FileError) as error:
        read_pair(case)
    assert error.value.file.endswith("a.nii.gz")
    assert found in error.value.value
