import pytest
import torch

from trimformer.models.segmentation_model import SegmentationModel
from trimformer.records.errors import UserError


def test_a_grey_image_is_repeated() -> None:
    images = torch.randn(2, 1, 32, 32)
    prepared = SegmentationModel(32, 1, stride=16).prepare(images, channels=3)
    assert prepared.shape == (2, 3, 32, 32)
    assert all(torch.equal(prepared[:, channel], images[:, 0]) for channel in range(3))


def test_three_channels_stay_as_they_are() -> None:
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(SegmentationModel(32, 1, stride=16).prepare(images, channels=3), images)


@pytest.mark.parametrize("shape", [(1, 1, 48, 48), (1, 2, 32, 32), (1, 1, 32, 16)])
def test_other_images_are_refused_with_both_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError) as caught:
        SegmentationModel(32, 1, stride=16).prepare(torch.zeros(shape), channels=3)
    assert "(batch, 1 or 3, 32, 32)" in str(caught.value)
    assert str(shape) in str(caught.value)


@pytest.mark.parametrize(("image_size", "nearest"), [(100, 96), (8, 16), (110, 112)])
def test_a_size_that_the_patches_do_not_divide_is_refused(image_size: int, nearest: int) -> None:
    with pytest.raises(UserError, match=f"multiple of 16; found {image_size}.*nearest valid size is {nearest}"):
        SegmentationModel(image_size, 1, stride=16)
