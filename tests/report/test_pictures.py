import base64
import io

import numpy as np
import pytest
from matplotlib.image import imread

from trimformer.report.pictures import (
    DIFFERENCE_COLOUR,
    FRAME_GREY,
    MAP_PIXELS,
    attention_pixels,
    colours,
    contrast_limit,
    difference_pixels,
    png_uri,
    slice_with_grid,
)


def test_only_differing_pixels_are_marked() -> None:
    truth, prediction = np.zeros((3, 4), dtype=np.uint8), np.zeros((3, 4), dtype=np.uint8)
    truth[2, 3] = 1
    pixels = difference_pixels(np.zeros((3, 4), dtype=np.float32), truth, prediction)
    assert bytes(pixels[0, 0]).hex() == DIFFERENCE_COLOUR[1:]
    assert np.count_nonzero(pixels.any(axis=2)) == 1


def test_a_map_lies_at_its_querys_place_and_shows_its_key_turned_alike() -> None:
    columns, rows = 3, 2
    attention = np.full((6, 6), 1e-6, dtype=np.float16)
    query, key = 2 * rows + 1, 0 * rows + 1  # x = 2, y = 1: right and anterior; x = 0, y = 1: left and anterior
    attention[query, key] = 1
    pixels = attention_pixels(attention, (columns, rows), limit=4)
    height, width = rows * MAP_PIXELS + 2, columns * MAP_PIXELS + 2
    assert pixels.shape == (rows * height - 2, columns * width - 2, 3)
    bright = np.argwhere((pixels == colours(np.array([1.0]))[0]).all(axis=2))
    # The query's map is the top left one; in it the key is the top right weight.
    assert (bright.min(axis=0).tolist(), bright.max(axis=0).tolist()) == ([0, 6], [2, 8])
    assert (pixels[height - 1] == FRAME_GREY).all()


def test_uniform_attention_is_the_middle_of_the_scale() -> None:
    pixels = attention_pixels(np.full((4, 4), 0.25, dtype=np.float16), (2, 2), limit=16)
    assert pixels[0, 0].tolist() == colours(np.array([0.5]))[0].tolist()


@pytest.mark.parametrize(("times_uniform", "limit"), [(1, 4), (5, 8), (8, 8), (30, 32), (1000, 64)])
def test_the_scale_ends_at_a_power_of_two(times_uniform: float, limit: int) -> None:
    assert contrast_limit(np.full((1, 4, 4), times_uniform / 4, dtype=np.float32)) == limit


def test_the_slice_dims_what_is_not_foreground_and_draws_token_borders() -> None:
    image, foreground = np.ones((4, 4), dtype=np.float32), np.zeros((4, 4), dtype=bool)
    image[0], foreground[2:] = 0, True
    pixels = slice_with_grid(image, foreground, (2, 2))
    assert pixels.shape == (640, 640, 3)
    assert pixels[10, 10, 0] == 255
    assert pixels[10, 330, 0] == 255 // 3 + 12
    assert pixels[320, 10, 0] == 255 // 2


def test_a_png_gives_the_pixels_back() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    content = base64.b64decode(png_uri(pixels).removeprefix("data:image/png;base64,"))
    assert (255 * imread(io.BytesIO(content))[..., :3]).round().astype(int).tolist() == pixels.tolist()
