"""Pixels of a slice under attention, and of token states as colours; turned as every slice on a page is."""

import numpy as np
from jaxtyping import Bool, Float

from trimformer.records.attention_example import AttentionExample
from trimformer.records.slice_pixels import Pixels, scan_pixels, to_page
from trimformer.report.pictures import colours

FAINT, STRONG = 0.25, 0.8
"""How much of the scan's place the colour takes, where attention is least and where it is most."""

PALE = 0.8
"""How far a patch that does not count fades into the page."""

LIGHTNESS, CHROMA = (0.38, 0.95), 0.13
"""The range of the first component, and the reach of the other two, in OKLab."""


def field_pixels(
    image: Float[np.ndarray, "x y"], weights: Float[np.ndarray, " patches"], grid_size: tuple[int, int], limit: int
) -> Pixels:
    """The scan under the attention of one query, patch by patch.

    The colour is the weight over that of uniform attention, on a logarithmic scale from 1/limit to limit, as in
    `report.pictures.attention_pixels`; the more a patch gets, the more its colour covers the scan.
    """
    strength = 0.5 + 0.5 * np.log2(np.maximum(weights * weights.size, 1e-12)) / np.log2(limit)
    strength = _as_large_as(np.clip(strength, 0, 1).reshape(grid_size), image.shape)
    share = (FAINT + (STRONG - FAINT) * to_page(strength))[..., None]
    blended: Pixels = (share * colours(to_page(strength)) + (1 - share) * scan_pixels(image)).astype(np.uint8)
    return blended


def component_pixels(
    components: Float[np.ndarray, "patches 3"], counted: Bool[np.ndarray, " patches"], grid_size: tuple[int, int]
) -> Pixels:
    """Three principal components a patch as a colour, one pixel a patch; patches that do not count are pale.

    The first is lightness, the second goes from blue to yellow and the third from green to red, in OKLab: so that
    what explains most is seen by every eye. Each is scaled by the patches that count.
    """
    low, high = np.percentile(components[counted], (2, 98), axis=0)
    unit = np.clip((components - low) / np.maximum(high - low, 1e-12), 0, 1)
    unit[:, high - low < 1e-12] = 0.5
    lightness = LIGHTNESS[0] + (LIGHTNESS[1] - LIGHTNESS[0]) * unit[:, 0]
    rgb = oklab_to_srgb(np.stack([lightness, *(CHROMA * (2 * unit[:, [2, 1]].T - 1))], axis=1))
    rgb = np.where(counted[:, None], rgb, PALE + (1 - PALE) * rgb)
    pixels: Pixels = np.round(255 * rgb).astype(np.uint8).reshape(*grid_size, 3)
    return pixels.transpose(1, 0, 2)[::-1, ::-1]


def oklab_to_srgb(lab: Float[np.ndarray, "colours 3"]) -> Float[np.ndarray, "colours 3"]:
    """Colours from OKLab (Ottosson 2020, bottosson.github.io/posts/oklab) to sRGB from 0 to 1, clipped.

    Example:
        >>> oklab_to_srgb(np.array([[1.0, 0.0, 0.0]])).round(2).tolist()
        [[1.0, 1.0, 1.0]]
    """
    to_cones = np.array(
        [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.291485548]]
    )
    to_linear = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.707614701],
        ]
    )
    linear = np.clip((lab @ to_cones.T) ** 3 @ to_linear.T, 0, 1)
    srgb: np.ndarray = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.clip(srgb, 0, 1)


def page_place(patch: int, grid_size: tuple[int, int]) -> tuple[int, int]:
    """Row and column on the page of a patch, counted from the upper left.

    Example:
        >>> page_place(0, (2, 3))
        (2, 1)
    """
    x, y = divmod(patch, grid_size[1])
    return grid_size[1] - 1 - y, grid_size[0] - 1 - x


def height_to_width(example: AttentionExample) -> float:
    """Of the slice on the page, in millimetres where they are known."""
    across, down = example.image.shape
    x_mm, y_mm = example.spacing_mm or (1.0, 1.0)
    return down * y_mm / (across * x_mm)


def _as_large_as(grid: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    larger: np.ndarray = np.kron(grid, np.ones((shape[0] // grid.shape[0], shape[1] // grid.shape[1])))
    return larger
