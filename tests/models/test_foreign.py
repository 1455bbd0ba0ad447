from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from trimformer.models.foreign import ForeignNetwork
from trimformer.records.errors import UserError


class Answer(nn.Module):
    """Gives what a function makes of the images."""

    def __init__(self, function: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.function = function
        self.norm = nn.BatchNorm2d(1)

    def forward(self, images: torch.Tensor) -> Any:
        self.norm(images)
        return self.function(images)


def answering(function: Callable[[torch.Tensor], Any]) -> ForeignNetwork:
    return ForeignNetwork(
        Answer(function), name="mine", num_classes=2, image_size=8, in_channels=1, next_step="Mend it."
    )


def twice(images: torch.Tensor) -> torch.Tensor:
    return images.repeat(1, 2, 1, 1)


def test_the_logits_of_a_network_stay_as_they_are() -> None:
    images = torch.randn(3, 1, 8, 8)
    assert torch.equal(answering(twice)(images), twice(images))


@pytest.mark.parametrize(
    "outputs",
    [
        lambda images: [twice(images) + 1, twice(images)],
        lambda images: (twice(images), twice(images)[..., ::2, ::2]),
        lambda images: (twice(images), {"auxiliary": images}),
        lambda images: torch.stack([twice(images), twice(images) + 1], dim=1),
    ],
    ids=["the last", "the full-size one", "the tensor", "the first of a stack"],
)
def test_of_several_outputs_one_is_the_logits(outputs: Callable[[torch.Tensor], Any]) -> None:
    images = torch.randn(3, 1, 8, 8)
    assert torch.equal(answering(outputs)(images), twice(images))


def test_trying_a_network_changes_nothing_in_it() -> None:
    model: Any = answering(twice)
    assert model.training
    assert model.network.norm.training
    assert int(model.network.norm.num_batches_tracked) == 0


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (lambda images: images, r"\(1, 1, 8, 8\) into logits \(1, 2, 8, 8\); found \(1, 1, 8, 8\). Mend it."),
        (lambda images: images[..., :3] @ images, "found RuntimeError: "),
        (lambda images: [images[..., ::2]], "found UserError: .*a list without one"),
    ],
)
def test_a_network_that_does_not_fit_is_refused_at_once(function: Callable[..., Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        answering(function)


def test_images_of_other_channels_are_refused() -> None:
    with pytest.raises(UserError, match=r"\(batch, 1, 8, 8\); found \(1, 3, 8, 8\)"):
        answering(twice)(torch.zeros(1, 3, 8, 8))
