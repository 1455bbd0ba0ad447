import pytest
import torch
from torch.nn import functional as F

from trimformer.training.task import overlap, segmentation_loss


def test_the_loss_is_half_soft_dice_and_half_cross_entropy() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 5, 6, generator=generator)
    labels = torch.randint(0, 4, (3, 5, 6), generator=generator)
    probabilities = logits.softmax(dim=1)
    one_hot = F.one_hot(labels, 4).movedim(-1, 1)
    dims = (0, 2, 3)  # over the whole batch, background included
    both, total = (probabilities * one_hot).sum(dims), (probabilities + one_hot).sum(dims)
    soft_dice = (1 - (2 * both + 1e-5) / (total + 1e-5)).mean()
    expected = (soft_dice + F.cross_entropy(logits, labels)) / 2
    assert float(segmentation_loss()(logits, labels[:, None])) == pytest.approx(float(expected), abs=1e-6)


def test_overlap_counts_pixels_of_every_foreground_class() -> None:
    prediction = torch.tensor([[[1, 1, 2]], [[0, 2, 2]]])
    truth = torch.tensor([[[1, 0, 2]], [[1, 2, 0]]])
    assert overlap(prediction, truth, num_classes=4).tolist() == [[1, 2, 0], [4, 5, 0]]
