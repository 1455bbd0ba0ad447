import torch

from trimformer.training.sampling import class_balanced_draws, class_balanced_weights


def test_weights_are_a_class_drawn_first_and_one_of_its_slices_second() -> None:
    shown = torch.tensor([[1, 1, 0, 0], [1, 1, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0]]).bool()  # nobody shows class 2
    expected = [(1 / 3 + 1 / 3) / 3, (1 / 3 + 1 / 3 + 1) / 3, (1 / 3) / 3, (1 / 3) / 3]
    torch.testing.assert_close(class_balanced_weights(shown), torch.tensor(expected, dtype=torch.float64))


def test_every_class_is_shown_by_at_least_its_share_of_the_draws() -> None:
    shown = torch.ones(50, 4, dtype=torch.bool)
    shown[1:, 2] = False
    shown[5:, 3] = False
    weights = class_balanced_weights(shown)
    generator = torch.Generator().manual_seed(0)
    drawn = torch.cat([class_balanced_draws(weights, epoch, generator) for epoch in range(100)]) % 50
    shares = shown[drawn].double().mean(dim=0)
    assert (shares > 1 / 4 - 0.02).all()
