"""Without blocks UNETR's decoders do not reach from a question to a signpost; one block does."""

import numpy as np
import pytest
import torch
from torch import Tensor

from trimformer.data.phantom.board import Board, draw_board
from trimformer.data.phantom.paint import PATCH, paint_image
from trimformer.models.unetr import UNETR


def images(board: Board) -> Tensor:
    """The slice, and the same with noise in place of all signposts: (2, 1, rows, columns)."""
    whole = (paint_image(board, np.random.default_rng(1)) - 100) / 40
    signposts = np.kron((board.names > 0) & ~board.questions, np.ones((PATCH, PATCH))) > 0
    noise = np.random.default_rng(2).normal(0, 1, whole.shape)
    return torch.tensor(np.stack([whole, np.where(signposts, noise, whole)])[:, None]).float()


@pytest.mark.parametrize("decoder", ["full", "compressed"])
@pytest.mark.parametrize("num_blocks", [0, 1])
def test_only_blocks_bring_signposts_to_questions(decoder: str, num_blocks: int) -> None:
    torch.manual_seed(0)
    board = draw_board(np.random.default_rng(5), hops=1)
    model = UNETR(num_classes=5, num_blocks=num_blocks, decoder=decoder, size="tiny", image_size=112, patch_size=8)
    with torch.inference_mode():
        whole, without = model.eval()(images(board))
    asked = torch.from_numpy(np.kron(board.questions, np.ones((PATCH, PATCH))) > 0)
    changed = (whole - without).abs().amax(dim=0)
    assert changed[~asked].max() > 0
    assert bool(changed[asked].max() > 0) == bool(num_blocks)
