import pytest
import torch

from trimformer.data.slices import PatientSlices
from trimformer.data.training_set import SliceDataset
from trimformer.records.errors import UserError


def slices(patient_id: str, value: int, count: int) -> PatientSlices:
    labels = torch.full((count, 4, 4), value, dtype=torch.uint8)
    return PatientSlices(patient_id, labels[:, None].float(), labels, (1.0, 1.0))


def test_slices_follow_each_other_patient_by_patient() -> None:
    dataset = SliceDataset([slices("a", 1, 2), slices("b", 3, 1)])
    assert [int(labels.max()) for _, labels in (dataset[index] for index in range(len(dataset)))] == [1, 1, 3]
    image, labels = dataset[2]
    assert (image.shape, image.dtype) == ((1, 4, 4), torch.float32)
    assert (labels.shape, labels.dtype) == ((4, 4), torch.int64)
    assert torch.equal(image[0], labels.float())


def test_a_patient_without_labels_is_named() -> None:
    with pytest.raises(UserError, match="no labels for b"):
        SliceDataset([slices("a", 1, 1), PatientSlices("b", torch.zeros(1, 1, 4, 4), None, (1.0, 1.0))])
    with pytest.raises(UserError, match="no patient"):
        SliceDataset([])
