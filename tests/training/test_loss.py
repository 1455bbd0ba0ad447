import pytest
import torch
from monai.losses.dice import DiceCELoss
from torch.nn import functional as F

from trimformer.training.loss import dice_cross_entropy


def made(batch: int, classes: int, size: tuple[int, int], seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(batch, classes, *size, generator=generator)
    return logits.requires_grad_(), torch.randint(0, classes, (batch, *size), generator=generator)


@pytest.mark.parametrize("last", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("batch", "classes", "size"), [(3, 4, (5, 6)), (1, 2, (1, 1)), (8, 9, (48, 48))])
def test_values_and_gradients_are_those_of_monai(
    batch: int, classes: int, size: tuple[int, int], last: torch.memory_format
) -> None:
    logits, labels = made(batch, classes, size)
    labels[labels == classes - 1] = 0  # a class that no slice shows
    reference = DiceCELoss(softmax=True, to_onehot_y=True, batch=True, lambda_dice=0.5, lambda_ce=0.5)
    results = [
        dice_cross_entropy(logits.to(memory_format=last), labels),
        reference(logits.to(memory_format=last), labels[:, None]),
    ]
    found, expected = (torch.autograd.grad(result, logits)[0] for result in results)
    assert results[0].item() == pytest.approx(results[1].item(), abs=1e-6)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_it_is_half_soft_dice_and_half_cross_entropy() -> None:
    logits, labels = made(3, 4, (5, 6))
    probabilities = logits.softmax(dim=1)
    one_hot = F.one_hot(labels, 4).movedim(-1, 1)
    dims = (0, 2, 3)  # over the whole batch, background included
    both, total = (probabilities * one_hot).sum(dims), (probabilities + one_hot).sum(dims)
    soft_dice = (1 - (2 * both + 1e-5) / (total + 1e-5)).mean()
    expected = (soft_dice + F.cross_entropy(logits, labels)) / 2
    assert dice_cross_entropy(logits, labels).item() == pytest.approx(expected.item(), abs=1e-6)


def test_a_long_row_of_pixels_loses_no_digits() -> None:
    logits, labels = made(8, 2, (224, 224))
    exact = dice_cross_entropy(logits.double(), labels)
    assert dice_cross_entropy(logits, labels).item() == pytest.approx(exact.item(), abs=2e-7)


def test_sums_of_others_make_the_dice_that_of_the_joint_batch() -> None:
    logits, labels = made(4, 3, (6, 6))
    own, others = (slice(0, 2), slice(2, 4))
    kept: list[torch.Tensor] = []

    def keep(sums: torch.Tensor) -> torch.Tensor:
        kept.append(sums)
        return sums

    dice_cross_entropy(logits[others], labels[others], keep)
    halves = dice_cross_entropy(logits[own], labels[own], lambda sums: sums + kept[0])
    expected = dice_cross_entropy(logits, labels)
    # The cross-entropy stays that of the own slices.
    difference = (F.cross_entropy(logits[own], labels[own]) - F.cross_entropy(logits, labels)) / 2
    assert (halves - difference).item() == pytest.approx(expected.item(), abs=1e-6)
