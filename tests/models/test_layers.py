import math

import numpy as np
import torch
from torch import nn

from trimformer.models.layers import ExpansivePath, conv_norm_relu, double_conv, logits_head, transposed_conv, up_path


def test_a_transposed_convolution_writes_each_pixel_times_its_kernel() -> None:
    layer = transposed_conv(1, 1)
    kernel = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert layer.bias is not None
    nn.init.constant_(layer.bias, 10.0)
    layer.weight.data = torch.tensor(kernel, dtype=torch.float32)[None, None]
    image = np.array([[1.0, -1.0], [0.5, 2.0]])
    doubled = layer(torch.tensor(image, dtype=torch.float32)[None, None])
    assert np.array_equal(doubled[0, 0].detach().numpy(), np.kron(image, kernel) + 10.0)


def test_convolution_normalisation_and_relu_by_hand() -> None:
    layer = conv_norm_relu(1, 1)
    layer[0].weight.data = torch.zeros(1, 1, 3, 3)
    layer[0].weight.data[0, 0, 1, 1] = 1.0
    image = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]]]])
    # Mean 3, biased variance 3.5: (x - 3) / sqrt(3.5 + 1e-5), negatives cut.
    expected = torch.tensor([[[[0.0, 0.0], [0.0, 3.0 / math.sqrt(3.5 + 1e-5)]]]])
    torch.testing.assert_close(layer(image), expected)


def test_parameters_by_closed_formula() -> None:
    def count(module: nn.Module) -> int:
        return sum(parameter.numel() for parameter in module.parameters())

    assert count(double_conv(5, 7)) == 9 * 5 * 7 + 2 * 7 + 9 * 7 * 7 + 2 * 7
    assert count(up_path(6, 4)) == 4 * 6 * 4 + 4 + 9 * 4 * 4 + 2 * 4
    assert count(logits_head(8, 3)) == 9 * 8 * 3 + 3


def test_an_up_path_doubles_the_grid_at_every_step() -> None:
    assert up_path(8, 4, 4, 2)(torch.zeros(1, 8, 3, 5)).shape == (1, 2, 24, 40)


def test_the_expansive_path_joins_one_skip_a_step() -> None:
    path = ExpansivePath(8, [4, 2])
    skips = [torch.randn(2, 4, 6, 6), torch.randn(2, 2, 12, 12)]
    assert path(torch.randn(2, 8, 3, 3), skips).shape == (2, 2, 12, 12)


def test_the_expansive_path_concatenates_the_skip_before_the_upsampled() -> None:
    path = ExpansivePath(1, [1]).eval()
    path.merge = nn.ModuleList([nn.Identity()])
    path.upsample = nn.ModuleList([nn.Upsample(scale_factor=2)])
    joined = path(torch.full((1, 1, 1, 1), 7.0), [torch.full((1, 1, 2, 2), 3.0)])
    assert joined[0, :, 0, 0].tolist() == [3.0, 7.0]
