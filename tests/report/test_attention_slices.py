from collections.abc import Iterator
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from made_attention import GRID, small_example
from matplotlib.patches import Rectangle

from trimformer.report.attention import slices
from trimformer.report.attention.paper import PAPER_STYLE, SINGLE_COLUMN
from trimformer.report.attention.pictures import component_pixels, field_pixels, oklab_to_srgb, page_place
from trimformer.report.attention.sheets import Sheet, draw_sheet, fitted, inches, wrapped
from trimformer.report.pictures import attention_pixels, colours, contrast_limit


@pytest.fixture(autouse=True)
def _style() -> Iterator[None]:
    with matplotlib.rc_context(PAPER_STYLE):
        yield


def images_of(sheet: Sheet) -> list[np.ndarray]:
    figure = draw_sheet(sheet)
    return [np.asarray(image.get_array()) for axes in figure.axes for image in axes.images]


def test_the_grid_of_a_block_is_drawn_from_its_own_maps() -> None:
    example = small_example()
    mean = example.maps.mean(axis=1)
    _, *maps, _ = images_of(slices.grids("small", example, [1, 3]))
    limit = contrast_limit(mean[[0, 2]])
    for drawn, block in zip(maps, (1, 3), strict=True):
        np.testing.assert_array_equal(drawn, attention_pixels(mean[block - 1], GRID, limit))


def test_a_head_is_drawn_when_it_is_named_and_all_of_them_side_by_side() -> None:
    example = small_example()
    sheet = slices.one_grid("small", example, 2, head=2)
    assert sheet.width == SINGLE_COLUMN
    expected = attention_pixels(example.maps[1, 1], GRID, contrast_limit(example.maps[1, 1][None]))
    np.testing.assert_array_equal(images_of(sheet)[0], expected)
    shown = [panel.caption for row in slices.all_heads("small", example, 2).rows for panel in row.panels]
    assert shown == ["Head mean", "Head 1", "Head 2"]


def test_the_scan_shows_through_where_attention_is_small() -> None:
    weights = np.zeros(4)
    weights[2] = 1.0  # x = 1, y = 0: on the page left below
    pixels = field_pixels(np.array([[0.0, 1.0], [1.0, 0.0]]), weights, (2, 2), 4)
    np.testing.assert_array_equal(pixels[1, 0], (0.8 * colours(np.array([1.0]))[0] + 0.2 * 255).astype(np.uint8))
    dark = 0.25 * colours(np.array([0.0]))[0]
    np.testing.assert_array_equal(pixels[0, 0], dark.astype(np.uint8))
    np.testing.assert_array_equal(pixels[0, 1], (dark + 0.75 * 255).astype(np.uint8))


def test_the_frame_lies_on_the_query_and_queries_are_far_apart() -> None:
    example = small_example()
    sheet = slices.rollouts("small", example, "norm_weighted")
    queries = slices.far_apart(example, 3)
    assert len(sheet.rows) == len(set(queries)) == 3
    figure = draw_sheet(replace(sheet, rows=sheet.rows[:1]))
    (frame,) = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    row, column = page_place(queries[0], GRID)
    np.testing.assert_allclose(frame.get_xy(), (column / GRID[0], 1 - (row + 1) / GRID[1]))


def test_queries_by_hand() -> None:
    example = small_example()
    # Of 4 x 3 patches of 16 x 20 mm, it covers by half or more those of x 1 and 2: (1, 1) is as central as (2, 1), then
    # (2, 0) is 25.6 mm away, and (2, 2) as far from the first.
    assert slices.far_apart(example, 1) == [1 * 3 + 1]
    assert slices.far_apart(example, 2) == [4, 2 * 3 + 0]
    assert slices.far_apart(example, 3) == [4, 6, 2 * 3 + 2]
    touched = np.zeros_like(example.foreground)
    touched[15, 11] = True  # a corner of the last patch alone
    assert slices.far_apart(replace(example, foreground=touched), 3) == [11]


def test_a_rollout_on_the_scan_is_that_of_its_query_and_block() -> None:
    example = small_example()
    shown, queries = slices.paper_blocks(example.num_blocks), slices.far_apart(example, 3)
    drawn = images_of(slices.rollouts("small", example, "half_residual"))
    limit = contrast_limit(example.fields["half_residual"][:, queries])
    expected = [
        field_pixels(example.image, example.fields["half_residual"][block - 1, query], GRID, limit)
        for query in queries
        for block in shown
    ]
    for picture, wanted in zip(drawn, expected, strict=False):
        np.testing.assert_array_equal(picture, wanted)


def test_several_models_share_one_colour_scale_and_have_a_row_each() -> None:
    examples = {"first": small_example(0), "second": small_example(1, 2)}
    sheet = slices.compared_grids(examples)
    assert [row.label for row in sheet.rows] == ["first", "second"]
    assert [len(row.panels) for row in sheet.rows] == [4, 3]
    drawn = images_of(sheet)
    assert sheet.limit is not None
    np.testing.assert_array_equal(drawn[1], attention_pixels(examples["first"].attention(1), GRID, sheet.limit))
    np.testing.assert_array_equal(drawn[5], attention_pixels(examples["second"].attention(1), GRID, sheet.limit))
    assert slices.compared_rollouts(examples).limit is not None


def test_the_first_component_is_lightness_and_what_does_not_count_is_pale() -> None:
    components = np.zeros((4, 3))
    components[:, 0] = [0, 1, 0.5, 0]
    counted = np.array([True, True, True, False])
    pixels = component_pixels(components, counted, (2, 2)).astype(int)
    dark, light, middle, pale = pixels[1, 1], pixels[0, 1], pixels[1, 0], pixels[0, 0]
    assert dark.sum() < middle.sum() < light.sum()
    assert np.ptp(dark) <= 2  # no second or third component: grey
    np.testing.assert_allclose(pale, 0.8 * 255 + 0.2 * dark, atol=1)


def test_oklab_by_known_colours() -> None:
    known = {(1, 0, 0): (0.62796, 0.22486, 0.12585), (0, 0, 1): (0.45201, -0.03246, -0.31153)}
    for rgb, lab in known.items():
        np.testing.assert_allclose(oklab_to_srgb(np.array([lab]))[0], rgb, atol=5e-3)


def test_every_layer_has_a_feature_map() -> None:
    example = small_example()
    sheet = slices.feature_maps("small", example)
    captions = [panel.caption for row in sheet.rows for panel in row.panels]
    assert captions == ["Slice", "Before block 1", "After block 1", "After block 2", "After block 3"]
    assert [panel.note for row in sheet.rows for panel in row.panels][1:] == ["75 %"] * 4


def test_a_bar_of_a_round_length_lies_on_the_slice() -> None:
    example = small_example()  # 64 mm across
    axes = draw_sheet(slices.feature_maps("small", example)).axes[0]
    length = np.ptp(np.asarray(axes.lines[0].get_xdata(), dtype=float))
    np.testing.assert_allclose(length * 64, 10)
    assert {text.get_text() for text in axes.texts} == {"10 mm", "R", "A"}
    untold = replace(example, spacing_mm=None, towards=None)
    assert not draw_sheet(slices.feature_maps("small", untold)).axes[0].texts


@pytest.mark.parametrize("name", ["UNETR", "a model with quite a long name that somebody gave it and never shortened"])
def test_texts_of_a_sheet_do_not_overlap(name: str) -> None:
    example = small_example(blocks=12)
    sheets = [slices.grids(name, example, [1, 2, 12]), slices.one_grid(name, example, 12, head=2)]
    sheets += [slices.compared_grids({name: example, "b": example}), slices.feature_maps(name, example)]
    sheets += [slices.rollouts(name, example, "half_residual"), slices.all_heads(name, example, 3)]
    for sheet in sheets:
        figure = draw_sheet(sheet)
        figure.draw_without_rendering()
        outside = [text.get_window_extent() for text in figure.texts if text.get_text()]
        pictures = [axes.get_window_extent() for axes in figure.axes if axes.images]
        for number, box in enumerate(outside):
            assert 0 <= box.x0 <= box.x1 <= figure.bbox.x1
            assert not any(box.overlaps(other) for other in outside[number + 1 :])
            assert not any(box.overlaps(picture) for picture in pictures)


def test_lines_are_broken_and_cut_by_their_width() -> None:
    lines = wrapped("one two three four five six", 7.0, 0.6)
    assert " ".join(lines) == "one two three four five six"
    assert all(inches(line, 7.0) <= 0.6 for line in lines)
    cut = fitted("a rather long title", 7.0, 0.5)
    assert cut.endswith("…")
    assert inches(cut, 7.0, bold=True) <= 0.5
    assert fitted("short", 7.0, 3.0) == "short"
