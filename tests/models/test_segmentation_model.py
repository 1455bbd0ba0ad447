import pytest
import torch

from trimformer.models.segmentation_model import SegmentationModel
from trimformer.records.errors import UserError


@pytest.mark.parametrize("in_channels", [1, 3])
def test_a_grey_image_is_repeated_and_three_channels_stay_as_they_are(in_channels: int) -> None:
    model = SegmentationModel(32, in_channels, stride=16, repeats_grey=True)
    grey, coloured = torch.randn(2, 1, 32, 32), torch.randn(2, 3, 32, 32)
    assert torch.equal(model.prepare(grey), grey.repeat(1, 3, 1, 1))
    assert torch.equal(model.prepare(coloured), coloured)


@pytest.mark.parametrize(("in_channels", "repeats_grey"), [(2, True), (4, True), (1, False), (3, False), (5, False)])
def test_else_the_network_has_the_channels_of_the_slices(in_channels: int, repeats_grey: bool) -> None:
    model = SegmentationModel(32, in_channels, stride=16, repeats_grey=repeats_grey)
    images = torch.randn(2, in_channels, 32, 32)
    assert model.network_channels == in_channels
    assert torch.equal(model.prepare(images), images)
    other = 3 if in_channels == 1 else 1
    with pytest.raises(UserError, match=rf"\(batch, {in_channels}, 32, 32\); found \(2, {other}, 32, 32\)"):
        model.prepare(torch.zeros(2, other, 32, 32))


@pytest.mark.parametrize("shape", [(1, 1, 48, 48), (1, 2, 32, 32), (1, 1, 32, 16)])
def test_other_images_are_refused_with_both_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError) as caught:
        SegmentationModel(32, 1, stride=16, repeats_grey=True).prepare(torch.zeros(shape))
    assert "(batch, 1 or 3, 32, 32)" in str(caught.value)
    assert str(shape) in str(caught.value)


@pytest.mark.parametrize(("image_size", "nearest"), [(100, 96), (8, 16), (110, 112)])
def test_a_size_that_the_patches_do_not_divide_is_refused(image_size: int, nearest: int) -> None:
    with pytest.raises(UserError, match=f"multiple of 16; found {image_size}.*nearest valid size is {nearest}"):
        SegmentationModel(image_size, 1, stride=16, repeats_grey=True)
