"""Scans, label maps and attention as pixels, turned the way a radiologist looks at an axial slice."""

import base64
import io
from collections.abc import Sequence

import matplotlib
import numpy as np
from jaxtyping import Bool, Float, Integer, Shaped, UInt8
from matplotlib.image import imsave

LABEL_COLOURS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00", "#0072b2", "#b3b3b3")
"""Okabe and Ito's colours for the colour-blind, doi.org/10.1038/nmeth.1618, by order of the labels."""

DIFFERENCE_COLOUR = "#ff2fb3"
OPACITY = 0.62
MAP_PIXELS = 3
"""Pixels a side of one attention weight in the grid of maps."""
FRAME_GREY = 96

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
        tint = _rgb(label_colour(index))
        where = to_page(labels) == value
        pixels[where] = (1 - opacity) * pixels[where] + opacity * tint
    return pixels.astype(np.uint8)


def difference_pixels(
    image: Float[np.ndarray, "x y"], truth: Integer[np.ndarray, "x y"], prediction: Integer[np.ndarray, "x y"]
) -> Pixels:
    """The scan, dimmed, with every pixel marked where prediction and truth differ."""
    pixels = scan_pixels(image) // 2
    pixels[to_page(truth != prediction)] = _rgb(DIFFERENCE_COLOUR)
    return pixels


def label_colour(index: int) -> str:
    """The colour of the label at this place; the colours come round again after eight."""
    return LABEL_COLOURS[index % len(LABEL_COLOURS)]


def _rgb(colour: str) -> UInt8[np.ndarray, "3"]:
    return np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)], dtype=np.uint8)


def contrast_limit(maps: Float[np.ndarray, "blocks queries keys"]) -> int:
    """The end of the common colour scale: how many times uniform attention the largest hundredth exceeds.

    A power of two from 4 to 64, so that the scale's ends read as round figures.
    """
    times_uniform = np.percentile(maps.astype(np.float32) * maps.shape[-1], 99)
    return int(2 ** np.clip(np.ceil(np.log2(max(times_uniform, 1e-12))), 2, 6))


def attention_pixels(attention: Float[np.ndarray, "queries keys"], grid_size: tuple[int, int], limit: int) -> Pixels:
    """One small map a query, laid out at the query's own place; both ways turned as the slice is.

    Tokens run row by row over `grid_size`, whose axes are the plane's x and y. The colour is the weight over that of
    uniform attention, on a logarithmic scale from 1/limit to limit.
    """
    columns, rows = grid_size
    maps = attention.astype(np.float32).reshape(columns, rows, columns, rows)
    maps = maps.transpose(1, 0, 3, 2)[::-1, ::-1, ::-1, ::-1] * (columns * rows)
    strength = 0.5 + 0.5 * np.log2(np.maximum(maps, 1e-12)) / np.log2(limit)
    small = np.kron(colours(np.clip(strength, 0, 1)), np.ones((1, 1, MAP_PIXELS, MAP_PIXELS, 1), np.uint8))
    framed = np.pad(small, ((0, 0), (0, 0), (0, 2), (0, 2), (0, 0)), constant_values=FRAME_GREY)
    height, width = framed.shape[2:4]
    return framed.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, 3)[:-2, :-2]


def slice_with_grid(
    image: Float[np.ndarray, "x y"], foreground: Bool[np.ndarray, "x y"], grid_size: tuple[int, int]
) -> Pixels:
    """The slice beside the maps: token borders drawn in, everything outside the foreground dimmed."""
    pixels = scan_pixels(image)
    pixels = np.where(to_page(foreground)[..., None], pixels, pixels // 3 + 12).astype(np.uint8)
    columns, rows = grid_size
    scale = max(1, round(640 / max(pixels.shape[:2])))
    pixels = np.kron(pixels, np.ones((scale, scale, 1), np.uint8))
    for token in range(1, rows):
        pixels[token * pixels.shape[0] // rows] = pixels[token * pixels.shape[0] // rows] // 2
    for token in range(1, columns):
        pixels[:, token * pixels.shape[1] // columns] = pixels[:, token * pixels.shape[1] // columns] // 2
    return pixels


def colours(strength: Float[np.ndarray, "..."]) -> UInt8[np.ndarray, "... 3"]:
    """Matplotlib's magma, perceptually even and safe for the colour-blind; 0 is dark, 1 is bright."""
    return matplotlib.colormaps["magma"](strength, bytes=True)[..., :3]


def png_uri(pixels: Pixels) -> str:
    """Pixels as a PNG data-URI."""
    buffer = io.BytesIO()
    imsave(buffer, np.ascontiguousarray(pixels), format="png")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
