import numpy as np
import pytest

from trimformer.data.phantom.board import Board, draw_board
from trimformer.data.phantom.paint import PATCH, paint_image, paint_labels
from trimformer.data.phantom.textures import walsh_textures


@pytest.fixture
def board() -> Board:
    return draw_board(np.random.default_rng(3), hops=3)


def fields(image: np.ndarray) -> np.ndarray:
    """(rows of patches, columns of patches, upper or lower, pixels)."""
    size = len(image) // PATCH
    return image.reshape(size, 2, PATCH // 2, size, PATCH).transpose(0, 3, 1, 2, 4).reshape(size, size, 2, -1)


def test_textures_are_balanced_and_at_right_angles() -> None:
    flat = walsh_textures().reshape(31, -1)
    np.testing.assert_array_equal(flat @ flat.T, 32 * np.eye(31))
    np.testing.assert_array_equal(flat.sum(axis=1), 0)


def test_one_linear_filter_a_symbol_reads_every_marker_from_its_own_patch(board: Board) -> None:
    image = paint_image(board, np.random.default_rng(4))
    answers = fields(image) @ walsh_textures().reshape(31, -1).T / 32
    for place, symbols in enumerate((board.names, board.says)):
        found = np.where(answers[:, :, place].max(axis=-1) > 20, answers[:, :, place].argmax(axis=-1) + 1, 0)
        np.testing.assert_array_equal(found, symbols)


def test_every_marker_has_the_same_pixels_but_for_the_noise(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trimformer.data.phantom.paint.NOISE", 0.0)
    patches = fields(paint_image(board, np.random.default_rng(4)))
    assert set(np.unique(patches[board.names > 0])) == {60.0, 140.0}
    assert set(np.unique(patches[board.names == 0])) == {100.0}
    np.testing.assert_array_equal(patches.mean(axis=-1), 100)


def test_a_question_fills_its_patch_and_a_signpost_has_one_pixel(board: Board) -> None:
    labels = paint_labels(board)
    assert labels.dtype == np.uint8
    patches = fields(labels).reshape(14, 14, PATCH, PATCH)
    middle = PATCH // 2
    np.testing.assert_array_equal(patches[:, :, middle, middle], board.labels)
    expected = np.repeat((board.labels * board.questions)[..., None], PATCH**2 - 1, axis=-1)
    rest = np.delete(patches.reshape(14, 14, -1), middle * PATCH + middle, axis=-1)
    np.testing.assert_array_equal(rest, expected)
