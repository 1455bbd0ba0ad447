from collections.abc import Iterator

import matplotlib
import numpy as np
import pytest
from made_attention import BLOCKS, GRID, small_example, small_measured
from matplotlib.axes import Axes
from scipy import stats

from trimformer.records.causal_radius import CausalRadius
from trimformer.records.measured_run import MeasuredRun
from trimformer.report.attention import between, effective_field, remaining
from trimformer.report.attention.paper import PAPER_STYLE
from trimformer.report.attention.pictures import field_pixels
from trimformer.report.attention.relevance import relevance
from trimformer.report.attention.slices import paper_blocks
from trimformer.report.charts import curve
from trimformer.report.pictures import colours, contrast_limit
from trimformer.report.themes import MODEL, SERIES, TWIN


@pytest.fixture(autouse=True)
def _style() -> Iterator[None]:
    with matplotlib.rc_context(PAPER_STYLE):
        yield


@pytest.fixture
def measured() -> MeasuredRun:
    return small_measured()


def line(axes: Axes, colour: str) -> np.ndarray:
    """The last drawn line of a colour."""
    (*_, found) = (each for each in axes.lines if each.get_color() == colour)
    return np.asarray(found.get_ydata(), dtype=float)


def band(axes: Axes, place: int) -> np.ndarray:
    return np.asarray(axes.collections[place].get_paths()[0].vertices)[:, 1]


def test_the_dice_that_remains_stands_against_the_radius_in_a_panel_a_block(measured: MeasuredRun) -> None:
    record = measured.causal_radius
    assert record is not None
    figure = remaining.causal_radius(record, "small")
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert len(panels) == BLOCKS
    for block, axes in enumerate(panels):
        np.testing.assert_allclose(line(axes, MODEL), record.only[:, :, block].mean(axis=0))
        np.testing.assert_allclose(line(axes, TWIN), record.up_to[:, :, block].mean(axis=0))
        change = record.only[:, 0, block] - record.unlimited
        half = stats.t.ppf(0.975, 3) * change.std(ddof=1) / 2
        mean = record.only[:, 0, block].mean()
        for bound in (mean - half, mean + half):
            assert np.isclose(band(axes, 1), bound).any()
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "8", "16"]
        assert "(mm)" in axes.get_xlabel()


def test_radii_are_drawn_in_their_order(measured: MeasuredRun) -> None:
    record = measured.causal_radius
    assert record is not None
    turned = CausalRadius(
        record.patient_ids, record.radii_mm[::-1], record.block_names, 0, record.unlimited,
        record.only[:, ::-1], record.up_to[:, ::-1],
    )  # fmt: skip
    one, other = (remaining.causal_radius(each, "small").axes[0] for each in (record, turned))
    np.testing.assert_allclose(line(one, MODEL), line(other, MODEL))
    (first, again) = (remaining.compared_remaining({"a": each}, {}).axes[0].lines[0] for each in (record, turned))
    np.testing.assert_allclose(np.asarray(first.get_ydata(), float), np.asarray(again.get_ydata(), float))


def test_the_first_blocks_alone_and_several_models(measured: MeasuredRun) -> None:
    skipped, radius = measured.skipped_blocks, measured.causal_radius
    assert skipped is not None
    assert radius is not None
    axes = remaining.skipped_blocks(skipped, "small").axes[0]
    np.testing.assert_allclose(line(axes, MODEL), skipped.dice.mean(axis=0))
    patients = np.array([np.asarray(each.get_ydata(), float) for each in axes.lines[: len(skipped.dice)]])
    np.testing.assert_allclose(patients, skipped.dice)
    left, right = remaining.compared_remaining({"a": radius, "b": radius}, {"b": skipped}).axes
    np.testing.assert_allclose(line(left, SERIES[0]), radius.up_to[:, :, -1].mean(axis=0))
    np.testing.assert_allclose(line(right, SERIES[1]), skipped.dice.mean(axis=0))


def test_similarity_and_influence_are_means_over_patients(measured: MeasuredRun) -> None:
    record = measured.similarity
    assert record is not None
    record.measures["foreground/cka"][0] = np.nan  # a patient without a foreground
    left, right = between.similarity(record, "small").axes[:2]
    expected = record.measures["foreground/cka"][1:].mean(axis=0)
    np.testing.assert_allclose(np.asarray(left.images[0].get_array()), expected)
    assert [text.get_text() for text in left.texts] == [f"{value:.2f}" for value in expected.ravel()]
    np.testing.assert_allclose(line(right, MODEL), record.measures["foreground/block_influence"].mean(axis=0))


def test_every_organ_has_a_panel_with_a_line_to_every_organ(measured: MeasuredRun) -> None:
    record = measured.organs
    assert record is not None
    figure = between.organs(record, "small")
    values = record.measures["over_uniform"].mean(axis=(0, 2))
    for query, axes in enumerate(figure.axes):
        for key in range(3):
            np.testing.assert_allclose(line(axes, SERIES[key]), values[:, query, key])
        assert axes.get_title(loc="left") == f"From {('liver', 'pancreas', 'left kidney')[query]}"


def test_the_field_before_the_first_block_is_at_depth_zero(measured: MeasuredRun) -> None:
    record = measured.receptive_field
    assert record is not None
    axes = effective_field.far_field(record, "small").axes[0]
    np.testing.assert_allclose(line(axes, MODEL), record.measures["foreground/far_field_ratio"].mean(axis=0))
    assert axes.get_xticks()[0] == 0
    record.measures["foreground/far_field_ratio"][0] += 3.0  # an interval that is wider than the mean is high
    axes = effective_field.far_field(record, "small").axes[0]
    assert axes.get_ylim()[1] > curve(record.measures["foreground/far_field_ratio"]).high.max()
    picture = record.pictures["foreground/centred"]
    picture[:, 3, 2], picture[0, 0, 0], picture[1, 1, 1] = 50.0, np.nan, 0.0
    sheet = effective_field.field_maps(record, "small")
    panels = [panel for row in sheet.rows for panel in row.panels]
    assert [panel.caption for panel in panels] == ["Before block 1", *(f"After block {n + 1}" for n in range(BLOCKS))]
    others = np.nan_to_num(picture.copy())
    others[:, 3, 2] = 0
    strength = np.clip(1 + np.log10(np.maximum(picture[2] / others.max(), 1e-12)) / 2, 0, 1)
    np.testing.assert_array_equal(panels[2].pixels, colours(strength))
    assert (panels[0].pixels[0, 0] == effective_field.MISSING).all()
    assert (panels[1].pixels[1, 1] == colours(np.zeros(1))[0]).all()


def test_relevance_is_drawn_as_shares_of_its_sum() -> None:
    example = small_example()
    sheet = relevance("small", example)
    weights = example.relevance["disc"].patches
    shares = weights / weights.sum(axis=1, keepdims=True)
    limit = contrast_limit(shares[None])
    for panel, block in zip(sheet.rows[0].panels, paper_blocks(BLOCKS), strict=True):
        expected = field_pixels(example.image, shares[block - 1], GRID, limit)
        np.testing.assert_array_equal(panel.pixels, expected)
    silent = small_example()
    silent.relevance["disc"].patches[:] = 0
    assert relevance("small", silent).rows
