"""The paper's loss: half soft Dice, half cross-entropy."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

SMOOTH = 1e-5
"""Added to both sides of every Dice, as MONAI's `DiceLoss` does."""

SumOver = Callable[[Tensor], Tensor]
"""Of what the slices at hand sum up to, what the whole batch does."""


def dice_cross_entropy(
    logits: Float[Tensor, "batch classes rows columns"],
    labels: Int64[Tensor, "batch rows columns"],
    sum_over: SumOver | None = None,
) -> Float[Tensor, ""]:
    """(soft Dice loss + cross-entropy) / 2, the background being one of the classes.

    The Dice of a class is taken over the whole batch, as MONAI's `DiceCELoss(batch=True)` takes it (Milletari et al.
    2016, arXiv:1606.04797, without squares). Where the batch lies in several processes, `sum_over` makes it that of
    the joint batch (`trimformer.processes.group.summed`); the cross-entropy is a mean over pixels, and processes with
    as many slices each have it between them.

    Args:
        logits: One a class and pixel.
        labels: The true classes.
        sum_over: Sums over the processes that hold the batch; None where this one has all of it.
    """
    log_probabilities = logits.log_softmax(dim=1)
    of_truth = log_probabilities.gather(1, labels[:, None])[:, 0]
    counts = torch.bincount(labels.flatten(), minlength=logits.shape[1])
    both = _sum_by_class(of_truth.exp(), labels, logits.shape[1])
    sums = torch.stack([both, log_probabilities.exp().sum(dim=(0, 2, 3)) + counts])
    both, total = sums if sum_over is None else sum_over(sums)
    dice = (2 * both + SMOOTH) / (total + SMOOTH)
    return (1 - dice.mean() - of_truth.mean()) / 2


def _sum_by_class(
    values: Float[Tensor, "batch rows columns"], labels: Int64[Tensor, "batch rows columns"], num_classes: int
) -> Float[Tensor, "classes"]:
    """The sum of the values at each class's pixels; row by row at first, for a long sum loses digits."""
    num_rows = labels.shape[0] * labels.shape[1]
    rows = torch.arange(num_rows, device=labels.device).view(*labels.shape[:2], 1)
    sums = values.new_zeros(num_rows * num_classes)
    places = (rows * num_classes + labels).flatten()
    return sums.index_add(0, places, values.flatten()).view(num_rows, num_classes).sum(dim=0)
