"""From a board to the pixels that a model sees, and the classes that it has to find."""

import numpy as np
from jaxtyping import Float, UInt8

from trimformer.data.phantom.board import Board
from trimformer.data.phantom.textures import FIELD_SIZE, walsh_textures

PATCH = 8
"""Rows = columns of a patch, in pixels: two fields, one above the other."""

GREY = 100.0
CONTRAST = 40.0
"""Half of the difference between the bright and the dark pixels of a texture."""

NOISE = 12.0
"""Standard deviation of the Gaussian noise of every pixel."""


def paint_image(board: Board, random: np.random.Generator) -> Float[np.ndarray, "rows columns"]:
    """The slice in whole numbers around `GREY`: every marker's two textures in its patch, and noise."""
    nothing = np.zeros((1, *FIELD_SIZE), np.float32)
    textures = np.concatenate([nothing, walsh_textures()])
    patches = np.concatenate([textures[board.names], textures[board.says]], axis=2)  # rows, columns, 8, 8
    rows, columns = board.names.shape
    signal = patches.swapaxes(1, 2).reshape(rows * PATCH, columns * PATCH)
    noise = random.normal(0, NOISE, signal.shape)
    return np.round(GREY + CONTRAST * signal + noise).astype(np.float32)


def paint_labels(board: Board) -> UInt8[np.ndarray, "rows columns"]:
    """The class of each pixel: a question fills its patch with its class, a signpost has one pixel in the middle.

    So signposts are foreground, to which attention may look, and their area is next to nothing: what is scored is the
    questions.
    """
    labels = np.kron(board.labels * board.questions, np.ones((PATCH, PATCH), np.uint8)).astype(np.uint8)
    labels[PATCH // 2 :: PATCH, PATCH // 2 :: PATCH] = board.labels
    return labels
