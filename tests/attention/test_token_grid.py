import pytest
import torch
from torch import nn

from trimformer.attention.transformer.token_grid import TokenGrid, find_token_grid


@pytest.mark.parametrize(
    ("num_tokens", "image_size", "expected"),
    [
        (196, (224, 224), TokenGrid((14, 14), (16, 16), 0)),
        (197, (224, 224), TokenGrid((14, 14), (16, 16), 1)),
        (198, (224, 224), TokenGrid((14, 14), (16, 16), 2)),
        (1374, (518, 518), TokenGrid((37, 37), (14, 14), 5)),
        (201, (224, 224), TokenGrid((14, 14), (16, 16), 5)),
        (33, (32, 64), TokenGrid((4, 8), (8, 8), 1)),
        (5, (32, 32), TokenGrid((2, 2), (16, 16), 1)),
        (205, (224, 224), None),  # nine in front
        (100, (224, 224), None),
        (196, (225, 224), None),
    ],
)
def test_without_a_word_from_the_model_the_grid_is_that_with_fewest_tokens_in_front(
    num_tokens: int, image_size: tuple[int, int], expected: TokenGrid | None
) -> None:
    assert find_token_grid(nn.Identity(), num_tokens, image_size) == expected


class Speaking(nn.Module):
    def __init__(self, grid_size: tuple[int, int]) -> None:
        super().__init__()
        self.patch_embed = nn.Identity()
        self.patch_embed.grid_size = grid_size  # type: ignore[assignment]


def test_what_the_model_says_goes_before_what_fits() -> None:
    assert find_token_grid(nn.Identity(), 9, (24, 24)) == TokenGrid((3, 3), (8, 8), 0)
    model = nn.Sequential(Speaking((2, 2)))
    assert find_token_grid(model, 9, (24, 24)) == TokenGrid((2, 2), (12, 12), 5)


def test_what_the_model_says_of_another_image_size_is_passed_over() -> None:
    assert find_token_grid(Speaking((14, 14)), 17, (32, 32)) == TokenGrid((4, 4), (8, 8), 1)


def test_rows_and_columns_of_prefix_tokens_are_removed_and_the_rest_renormalised() -> None:
    field = torch.tensor([[0.5, 0.25, 0.25], [0.5, 0.4, 0.1], [0.2, 0.2, 0.6]])
    expected = torch.tensor([[0.8, 0.2], [0.25, 0.75]])
    torch.testing.assert_close(TokenGrid((1, 2), (8, 8), 1).of_patches(field[None]), expected[None])
    assert TokenGrid((1, 3), (8, 8)).of_patches(field) is field
