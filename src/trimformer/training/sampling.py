"""Which slices an epoch draws."""

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

Draws = Int64[Tensor, "draws"]
"""Numbers of which each is a slice's index, modulo the number of slices, and which no other draw of a training has."""


def uniform_draws(num_slices: int, epoch: int, generator: torch.Generator) -> Draws:
    """Every slice once, in random order."""
    return torch.randperm(num_slices, generator=generator) + epoch * num_slices


def class_balanced_weights(classes: Bool[Tensor, "slices classes"]) -> Float64[Tensor, "slices"]:
    """How likely every slice is to be drawn, where first a class is drawn and then one of the slices that show it.

    All classes that some slice shows are equally likely, the background too; so are all slices of a class. The
    background is in nearly every slice, so that none is left out for good.

    Args:
        classes: Which classes each slice shows; column 0 is the background.

    Example:
        >>> class_balanced_weights(torch.tensor([[True, True], [True, False]]))
        tensor([0.7500, 0.2500], dtype=torch.float64)
    """
    slices = classes.sum(dim=0)
    is_shown = slices > 0
    return (classes[:, is_shown].double() / slices[is_shown]).mean(dim=1)


def class_balanced_draws(weights: Float64[Tensor, "slices"], epoch: int, generator: torch.Generator) -> Draws:
    """As many draws as there are slices, each by itself, so that a slice may come several times in an epoch."""
    num_slices = len(weights)
    slices = torch.multinomial(weights, num_slices, replacement=True, generator=generator)
    # A slice that comes again has another number, and is augmented in another way.
    return slices + num_slices * (epoch * num_slices + torch.arange(num_slices))
