"""Arrays as text inside a page: as fine as fits, deflated, base64."""

import base64
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float, UInt8

from trimformer.report.explorer.numbers import Views

LEVELS = (255, 127, 63, 31, 15)
"""Steps between zero and a row's largest weight, the finest first."""


def quantise(maps: Float[np.ndarray, "*maps keys"], levels: int) -> UInt8[np.ndarray, "*maps keys"]:
    """The root of every weight over its row's largest, in whole steps of 1 / `levels`.

    The root, because one sink would else leave nothing of the weights that the colours tell apart.
    """
    largest = np.maximum(maps.max(axis=-1, keepdims=True), np.finfo(np.float32).tiny)
    return np.rint(levels * np.sqrt(maps / largest)).astype(np.uint8)


def packed(array: np.ndarray) -> str:
    """The bytes of an array, little end first, deflated (with zlib's header) and in base64."""
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return base64.b64encode(zlib.compress(little.tobytes(), 6)).decode()


def pack_maps(slices: Sequence[Views], most_characters: int) -> tuple[int, list[list[str]]]:
    """The maps of every slice and block, at the finest of `LEVELS` that fits into so many characters, else the last.

    What is stored of the views are the heads and the rollout; the heads' mean is drawn from the heads.

    Returns:
        The levels, and the text of every slice's blocks.
    """
    for levels in LEVELS:
        texts = [list(_blocks(views, levels)) for views in slices]
        if sum(len(text) for blocks in texts for text in blocks) <= most_characters:
            break
    return levels, texts


def _blocks(views: Views, levels: int) -> Iterator[str]:
    stored = [view for view in range(views.shape[1]) if view != views.shape[1] - 2]
    for block in views:
        yield packed(quantise(block[stored], levels))
