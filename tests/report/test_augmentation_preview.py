from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from trimformer.records.augmentation_preview import AugmentationPreview, AugmentedSlice
from trimformer.records.errors import UserError
from trimformer.report.augmentation_preview import augmentation_figure, draw_augmentation

EVERYTHING = "mirroring, rotation, scaling, elastic, bias field, contrast, noise"
LABELS = {1: "csf", 3: "white_matter"}


def shown(title: str, note: str = "") -> AugmentedSlice:
    image = np.linspace(-1, 1, 20 * 10, dtype=np.float32).reshape(20, 10)
    labels = np.zeros((20, 10), np.uint8)
    labels[4:12, 3:7] = 3
    return AugmentedSlice(title, note, image, labels)


def preview(num_alone: int = 6, num_epochs: int = 12, enabled: bool = True) -> AugmentationPreview:
    return AugmentationPreview(
        patient_id="case $1",
        spacing_mm=(1.0, 3.0),
        probability=0.3,
        enabled=enabled,
        original=shown("as it is", "slice 3 of 7"),
        alone=tuple(shown(f"transform {place}") for place in range(num_alone)),
        epochs=tuple(shown(f"epoch {epoch}", EVERYTHING) for epoch in range(1, num_epochs + 1)),
    )


@pytest.mark.parametrize(("num_alone", "columns"), [(1, 5), (6, 5), (7, 6)])
def test_every_transform_and_two_rows_of_epochs_are_drawn_inside_the_page(num_alone: int, columns: int) -> None:
    figure = augmentation_figure(preview(num_alone), LABELS)
    figure.draw_without_rendering()
    assert len(figure.axes) == 1 + num_alone + 2 * columns
    for artist in (*figure.axes, *figure.texts, *figure.legends):
        box = artist.get_window_extent().transformed(figure.transFigure.inverted())
        assert 0 <= box.x0 <= box.x1 <= 1, artist
        assert 0 <= box.y0 <= box.y1 <= 1, artist


def test_pictures_have_the_proportions_of_the_slice_and_do_not_touch() -> None:
    figure = augmentation_figure(preview(7), LABELS)
    figure.draw_without_rendering()
    boxes = [axes.get_window_extent() for axes in figure.axes]
    assert [box.height / box.width for box in boxes] == pytest.approx([1.5] * len(boxes))
    assert not any(one.overlaps(other) for place, one in enumerate(boxes) for other in boxes[:place])


def test_all_pictures_share_the_grey_values_of_the_original() -> None:
    limits = {axes.images[0].get_clim() for axes in augmentation_figure(preview(), LABELS).axes}
    assert len(limits) == 1


def test_the_page_says_whether_training_uses_it() -> None:
    used, unused = (
        " ".join(text.get_text() for text in augmentation_figure(preview(enabled=enabled), LABELS).texts)
        for enabled in (True, False)
    )
    assert "this experiment trains without any of it" in unused
    assert "this experiment trains without any of it" not in used
    assert all("Augmentation of case $1" in text and "probability of 0.3" in text for text in (used, unused))


def test_the_file_shows_labels_in_their_colours_and_slices_as_a_page_does(tmp_path: Path) -> None:
    draw_augmentation(preview(), LABELS, tmp_path / "preview.png")
    pixels = imread(tmp_path / "preview.png")[..., :3]
    green = np.abs(pixels - np.array([0xE6, 0x9F, 0x00]) / 255).max(axis=2) < 0.02  # the second label's
    assert green.any()
    first = augmentation_figure(preview(), LABELS).axes[0].images[0].get_array()
    assert first is not None
    assert first[0, 0] == pytest.approx(1)  # the largest x and y: the patient's right, anterior
    assert first.shape == (10, 20)


def test_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"preview is a \.png"):
        draw_augmentation(preview(), LABELS, tmp_path / "preview.jpg")
