"""What the network of a bundle does itself is what preprocessing and the way back do."""

import numpy as np
import pytest
import torch
from torch import nn

from trimformer.data.patient import Patient
from trimformer.data.preparation.slices import to_native_grid, to_slices
from trimformer.data.preprocessing import Preprocessing
from trimformer.deploy.export.bundle.slice_network import SliceNetwork


def model() -> nn.Module:
    """Three classes of which each wins somewhere, from the neighbourhood of a pixel."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Conv2d(1, 3, 5, padding=2).eval()


@pytest.mark.parametrize(
    "preprocessing",
    [
        Preprocessing(16),  # grows one way, shrinks the other
        Preprocessing(16, crop=11),  # odd numbers of pixels are cut off
        Preprocessing(16, crop=14),
        Preprocessing(16, crop=12, slice_axis=0),
    ],
)
@torch.no_grad()
def test_labels_are_those_of_the_way_to_the_models_grid_and_back(preprocessing: Preprocessing) -> None:
    voxels = np.random.default_rng(0).normal(size=(14, 23, 14)).astype(np.float32)
    voxels = (voxels - voxels.mean()) / voxels.std()
    slices = to_slices(Patient("scan", voxels, None, np.eye(4)), preprocessing)
    expected = to_native_grid(model()(slices.image_tensor()), slices.grid)

    images = torch.from_numpy(np.moveaxis(voxels, preprocessing.slice_axis, 0).copy())[:, None]
    found = SliceNetwork(model(), preprocessing)(images).argmax(dim=1)

    np.testing.assert_array_equal(np.moveaxis(found.numpy(), 0, preprocessing.slice_axis), expected)
    assert set(np.unique(expected)) == {0, 1, 2}
