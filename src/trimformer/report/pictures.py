"""Differences of label maps and attention as pixels, turned as the slices of `records.slice_pixels` are."""

import base64
import io

import matplotlib
import numpy as np
from jaxtyping import Bool, Float, Integer, UInt8
from matplotlib.image import imsave

from trimformer.records.slice_pixels import Pixels, rgb, scan_pixels, to_page

DIFFERENCE_COLOUR = "#ff2fb3"
MAP_PIXELS = 3
"""Pixels a side of one attention weight in the grid of maps."""
FRAME_GREY = 96


def difference_pixels(
    image: Float[np.ndarray, "x y"], truth: Integer[np.ndarray, "x y"], prediction: Integer[np.ndarray, "x y"]
) -> Pixels:
    """The scan, dimmed, with every pixel marked where prediction and truth differ."""
    pixels = scan_pixels(image) // 2
    pixels[to_page(truth != prediction)] = rgb(DIFFERENCE_COLOUR)
    return pixels


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
