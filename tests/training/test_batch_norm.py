import pytest
import torch
from torch import nn

from trimformer.training.batch_norm import describe_statistics, freeze_statistics


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Dropout(0.5)).train()


def test_frozen_statistics_stay_while_scale_and_shift_are_trained() -> None:
    model = network()
    freeze_statistics(model)
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    model(torch.randn(4, 1, 8, 8)).square().sum().backward()
    assert all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert [module.training for module in model] == [True, False, True]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("model", "setting", "words"),
    [
        (network(), "batch", "of each batch"),
        (network(), "frozen", "frozen: the statistics that the weights came with"),
        (nn.Linear(1, 1), "batch", "the model has no BatchNorm"),
    ],
)
def test_the_manifest_says_which_statistics(model: nn.Module, setting: str, words: str) -> None:
    assert describe_statistics(model, setting) == words  # type: ignore[arg-type]
