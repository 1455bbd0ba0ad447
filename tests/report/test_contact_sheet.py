from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgba_array
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.image import imread

from trimformer.records.case_picture import CasePicture
from trimformer.records.errors import UserError
from trimformer.records.slice_pixels import label_colour
from trimformer.report.contact_sheet import COLUMNS, check_png, contact_sheet, draw_contact_sheet, of_cases

NAMES = {1: "gray_matter", 2: "bone"}


def picture(name: str = "p", labelled: bool = True, num_slices: int = 9) -> CasePicture:
    """8 x 4 pixels of 1 x 3 mm: a bright one right and anterior, a block of label 1, and one pixel of label 2."""
    image, labels = np.zeros((8, 4), np.float32), np.zeros((8, 4), np.uint8)
    image[7, 3] = 5
    labels[2:5, 1:3], labels[0, 0] = 1, 2
    return CasePicture(name, "training", image, labels if labelled else None, ("R", "A"), (1.0, 3.0), 4, num_slices)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts] + [text.get_text() for axes in figure.axes for text in axes.texts]


def borders(figure: Figure, axes: int = 0) -> dict[str, np.ndarray]:
    """Colour -> the corners (points, 2) of what is outlined in it, millimetres from the top left."""
    drawn = [child for child in figure.axes[axes].get_children() if isinstance(child, ContourSet)]
    return {to_hex(to_rgba_array(one.get_edgecolor())[0]): np.asarray(one.get_paths()[0].vertices) for one in drawn}


def test_a_case_has_its_name_its_split_and_its_slice_counted_from_one() -> None:
    words = texts(contact_sheet([picture("IBSR_01")], NAMES, "ibsr18", ""))
    assert "IBSR_01" in words
    assert "training, slice 5 of 9" in words
    assert {"R", "A"} <= set(words)


def test_a_file_of_one_slice_names_no_sides() -> None:
    assert {"R", "A"}.isdisjoint(texts(contact_sheet([picture(num_slices=1)], NAMES, "own", "")))


@pytest.mark.parametrize(
    ("shown", "there", "words"), [(3, 3, "all 3 cases"), (1, 1, "all 1 case  "), (2, 260, "2 of 260 cases")]
)
def test_how_many_cases_are_shown_is_said(shown: int, there: int, words: str) -> None:
    pictures = [picture() for _ in range(shown)]
    figure = contact_sheet(pictures, NAMES, "made", of_cases(pictures, there))
    assert any(words in text for text in texts(figure))
    assert len(figure.axes) == shown


def test_the_legend_has_each_label_in_its_colour() -> None:
    legend = contact_sheet([picture()], NAMES, "made", "").legends[0]
    assert [text.get_text() for text in legend.get_texts()] == ["1 gray matter", "2 bone"]
    colours = [to_hex(patch.get_edgecolor()) for patch in legend.get_patches()]
    assert colours == [label_colour(0), label_colour(1)]


@pytest.mark.parametrize("name", ["a", "WWWW", "a rather long name", "the longest name of any structure " * 3])
def test_many_labels_are_named_row_by_row_inside_the_sheet(name: str) -> None:
    names = {value: f"{name} {value}" for value in range(1, 14)}
    figure = contact_sheet([picture()], names, "made", "")
    rows = [[text.get_text() for text in legend.get_texts()] for legend in figure.legends]
    assert [name for row in rows for name in row] == [f"{value} {name}" for value, name in names.items()]
    figure.draw_without_rendering()
    boxes = [legend.get_window_extent() for legend in figure.legends]
    assert max(box.x1 for box in boxes) < figure.bbox.width
    assert boxes[-1].y0 > figure.axes[0].get_window_extent().y1
    assert not any(above.overlaps(below) for above, below in pairwise(boxes))


def test_labels_are_outlined_where_they_are_seen_from_the_patients_feet() -> None:
    drawn = borders(contact_sheet([picture()], NAMES, "made", ""))
    block, pixel = drawn[label_colour(0)], drawn[label_colour(1)]
    # x = 2 to 4 of 8 is 3 to 6 mm from the left as x runs backwards; y = 1 to 2 of 4 is 3 to 9 mm from the top.
    assert (block.min(axis=0).tolist(), block.max(axis=0).tolist()) == ([3, 3], [6, 9])
    assert (pixel.min(axis=0).tolist(), pixel.max(axis=0).tolist()) == ([7, 9], [8, 12])


def test_a_case_without_labels_has_no_outline_and_says_which_slice_it_is() -> None:
    pictures = [picture(labelled=False)]
    figure = contact_sheet(pictures, NAMES, "made", of_cases(pictures, 1))
    assert borders(figure) == {}
    assert any("the middle slice of each" in text for text in texts(figure))


def test_millimetres_are_as_long_across_as_down_and_everything_is_inside() -> None:
    figure = contact_sheet([picture()], NAMES, "made", "")
    axes = figure.axes[0]
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    assert (left, right, bottom, top) == (-2, 10, 12, 0)
    box = axes.get_position()
    width, height = figure.get_size_inches()
    assert box.width * width == pytest.approx(box.height * height)


def test_the_pixels_are_the_scan_turned_to_the_page() -> None:
    image = contact_sheet([picture()], {}, "made", "").axes[0].images[0]
    shown = np.asarray(image.get_array())
    assert shown.shape == (4, 8, 3)
    assert np.argwhere(shown[..., 0] == 255).tolist() == [[0, 0]]
    assert tuple(image.get_extent()) == (0, 8, 12, 0)


def test_rows_are_filled_one_after_the_other_without_overlap() -> None:
    figure = contact_sheet([picture(str(number)) for number in range(COLUMNS + 1)], NAMES, "made", "")
    boxes = [axes.get_position() for axes in figure.axes]
    assert len({round(box.y0, 6) for box in boxes}) == 2
    assert boxes[-1].x0 == pytest.approx(boxes[0].x0)
    assert not any(one.overlaps(two) for one in boxes for two in boxes if one is not two)
    assert all(min(box.x0, box.y0) > 0 and max(box.x1, box.y1) < 1 for box in boxes)


def test_the_sheet_is_written_whole_as_png(tmp_path: Path) -> None:
    file = tmp_path / "new folder" / "sheet.PNG"
    draw_contact_sheet([picture("a$b"), picture("c", labelled=False)], NAMES, "made", "", file)
    pixels = imread(file, format="png")
    assert pixels.shape[2] in {3, 4}
    assert [path.name for path in file.parent.iterdir()] == ["sheet.PNG"]


def test_another_format_is_refused(tmp_path: Path) -> None:
    for refuse in (check_png, lambda path: draw_contact_sheet([picture()], NAMES, "made", "", path)):
        with pytest.raises(UserError, match=r"\.png file; found .*sheet\.jpg"):
            refuse(tmp_path / "sheet.jpg")
    assert list(tmp_path.iterdir()) == []
