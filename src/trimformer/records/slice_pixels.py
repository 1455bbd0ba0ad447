"""A slice and its label maps as pixels, turned the way a radiologist looks at an axial slice."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Integer, Shaped, UInt8

LABEL_COLOURS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00", "#0072b2", "#b3b3b3")
"""Okabe and Ito's colours for the colour-blind, doi.org/10.1038/nmeth.1618, by order of the labels."""

OPACITY = 0.62

Pixels = UInt8[np.ndarray, "rows columns 3"]


def to_page(plane: Shaped[np.ndarray, "x y"]) -> Shaped[np.ndarray, "y x"]:
    """Turn a plane indexed [x, y] in RAS+ into page rows and columns, in radiological convention.

    x grows to the patient's right and y to anterior; on the page anterior is up and the patient's right is on the
    viewer's left, so both axes run backwards.

    Example:
        >>> to_page(np.array([["left posterior", "left anterior"], ["right posterior", "right anterior"]])).tolist()
        [['right anterior', 'left anterior'], ['right posterior', 'left posterior']]
    """
    return plane.T[::-1, ::-1]


def scan_pixels(image: Float[np.ndarray, "x y"]) -> Pixels:
    """The scan in greys, windowed from its 1st to its 99.5th percentile, on the page."""
    low, high = np.percentile(image, (1, 99.5))
    grey = np.clip((to_page(image) - low) / max(high - low, 1e-12), 0, 1)
    return np.repeat((255 * grey).astype(np.uint8)[..., None], 3, axis=2)


def overlay_pixels(
    image: Float[np.ndarray, "x y"],
    labels: Integer[np.ndarray, "x y"],
    values: Sequence[int],
    opacity: float = OPACITY,
) -> Pixels:
    """The scan with each of the label `values` tinted in its own colour."""
    pixels = scan_pixels(image).astype(np.float64)
    for index, value in enumerate(values):
        tint = rgb(label_colour(index))
        where = to_page(labels) == value
        pixels[where] = (1 - opacity) * pixels[where] + opacity * tint
    return pixels.astype(np.uint8)


def label_colour(index: int) -> str:
    """The colour of the label at this place; the colours come round again after eight."""
    return LABEL_COLOURS[index % len(LABEL_COLOURS)]


def rgb(colour: str) -> UInt8[np.ndarray, "3"]:
    """Red, green and blue of a colour written as #rrggbb."""
    return np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)], dtype=np.uint8)
