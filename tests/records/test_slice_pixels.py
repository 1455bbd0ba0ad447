import numpy as np
import pytest

from trimformer.records.slice_pixels import LABEL_COLOURS, label_colour, overlay_pixels, scan_pixels, to_page


@pytest.mark.parametrize(
    ("x", "y", "row", "column"),
    [(6, 8, 0, 0), (0, 8, 0, 6), (6, 0, 8, 0), (0, 0, 8, 6)],
    ids=["right-anterior", "left-anterior", "right-posterior", "left-posterior"],
)
def test_the_patients_right_is_on_the_left_and_anterior_is_up(x: int, y: int, row: int, column: int) -> None:
    plane = np.zeros((7, 9))
    plane[x, y] = 1
    assert np.argwhere(to_page(plane)).tolist() == [[row, column]]


def test_a_scan_is_windowed_and_a_flat_one_is_black() -> None:
    image = np.linspace(0, 1, 10_000, dtype=np.float32).reshape(100, 100)
    image[0, 0] = 1000
    pixels = scan_pixels(image)
    assert (pixels.min(), pixels.max()) == (0, 255)
    assert pixels.mean() == pytest.approx(127, abs=3)
    assert scan_pixels(np.ones((4, 5), dtype=np.float32)).max() == 0


def test_labels_are_tinted_in_their_own_colour_where_they_are() -> None:
    image = np.zeros((3, 4), dtype=np.float32)
    labels = np.zeros((3, 4), dtype=np.uint8)
    labels[2, 3], labels[0, 0] = 1, 7
    pixels = overlay_pixels(image, labels, [1, 7])
    # 62 % of #56b4e9 = (86, 180, 233) at the patient's right and anterior, of #e69f00 = (230, 159, 0) opposite.
    assert pixels[0, 0].tolist() == [53, 111, 144]
    assert pixels[3, 2].tolist() == [142, 98, 0]
    assert np.count_nonzero(pixels.any(axis=2)) == 2


def test_more_labels_than_colours_begin_again() -> None:
    assert label_colour(len(LABEL_COLOURS)) == LABEL_COLOURS[0]
