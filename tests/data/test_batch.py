import numpy as np
import pytest
import torch

from trimformer.data.batch import Batch, profile_batches
from trimformer.data.preparation.native_grid import NativeGrid
from trimformer.data.preparation.slices import PatientSlices
from trimformer.data.preprocessing import Preprocessing
from trimformer.records.errors import UserError

GRID = NativeGrid.of((2, 3, 5), np.eye(4), Preprocessing(16))


def slices(patient_id: str, count: int, spacing_mm: tuple[float, float]) -> PatientSlices:
    index = np.arange(count)[:, None, None] * np.ones((1, 2, 3))
    return PatientSlices(patient_id, index[:, None].astype(np.float16), index.astype(np.uint8), GRID, spacing_mm)


def test_batches_hold_every_slice_once_and_never_two_patients() -> None:
    batches = list(profile_batches([slices("a", 5, (1.0, 2.0)), slices("b", 2, (3.0, 4.0))], batch_size=2))
    assert [batch.patient_ids for batch in batches] == [("a", "a"), ("a", "a"), ("a",), ("b", "b")]
    assert [batch.spacing_mm for batch in batches] == [(1.0, 2.0)] * 3 + [(3.0, 4.0)]
    assert [batch.images[:, 0, 0, 0].tolist() for batch in batches] == [[0, 1], [2, 3], [4], [0, 1]]
    assert batches[1].labels is not None
    assert batches[1].labels[:, 0, 0].tolist() == [2, 3]


def test_foreground_is_where_labels_are_unless_given() -> None:
    images, labels = torch.zeros(1, 1, 1, 3), torch.tensor([[[0, 2, 1]]])
    filled = Batch(images, labels).foreground
    assert filled is not None
    assert filled.tolist() == [[[False, True, True]]]
    given = torch.tensor([[[True, False, False]]])
    assert Batch(images, labels, foreground=given).foreground is given
    assert Batch(images).foreground is None


def test_patients_without_labels_have_no_foreground() -> None:
    unlabelled = PatientSlices("a", np.zeros((1, 1, 2, 2), np.float16), None, GRID, (1.0, 1.0))
    (batch,) = profile_batches([unlabelled], batch_size=8)
    assert batch.labels is None
    assert batch.foreground is None


def test_what_does_not_fit_the_images_is_refused() -> None:
    images = torch.zeros(2, 1, 4, 4)
    with pytest.raises(UserError, match="labels of a batch"):
        Batch(images, torch.zeros(2, 4, 5, dtype=torch.int64))
    with pytest.raises(UserError, match="foreground of a batch"):
        Batch(images, foreground=torch.zeros(1, 4, 4, dtype=torch.bool))
    with pytest.raises(UserError, match="2 patient ids"):
        Batch(images, patient_ids=("a",))
