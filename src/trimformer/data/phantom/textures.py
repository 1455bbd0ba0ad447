"""The textures that markers are made of: each field of a patch shows one, or nothing."""

import numpy as np
from jaxtyping import Float

FIELD_SIZE = (4, 8)
"""Rows and columns of a texture, in pixels; two of them, one above the other, fill a patch."""

NUM_TEXTURES = 31


def walsh_textures() -> Float[np.ndarray, "textures 4 8"]:
    """31 patterns of +1 and -1, each with as many of both, every two at right angles (Walsh 1923).

    So no texture shows in the mean of a field or in a histogram of intensities, and one linear filter tells each from
    all others.
    """
    from scipy.linalg import hadamard

    first_is_constant: np.ndarray = hadamard(1 + NUM_TEXTURES)
    return first_is_constant[1:].reshape(-1, *FIELD_SIZE).astype(np.float32)
