import numpy as np
import pytest
from made_comparison import make_profile
from matplotlib.axes import Axes
from scipy import stats

from trimformer.records.profile import AttentionProfile
from trimformer.report.charts import PANELS, curve, plot_cumulative_field, plot_measures
from trimformer.report.themes import MODEL


@pytest.fixture(scope="module")
def profile() -> AttentionProfile:
    return make_profile(np.zeros((8, 8), dtype=np.float32), np.ones((8, 8), dtype=np.uint8))


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_a_curve_averages_heads_then_patients() -> None:
    values = np.array([[[1.0, 3.0]], [[2.0, 6.0]], [[np.nan, np.nan]]])  # 3 patients, 1 block, 2 heads
    summary = curve(values)
    half = stats.t.ppf(0.975, 1) * np.std([2, 4], ddof=1) / np.sqrt(2)
    assert summary.mean.tolist() == [3]
    np.testing.assert_allclose([summary.low[0], summary.high[0]], [3 - half, 3 + half])
    assert summary.heads is not None
    assert summary.heads.tolist() == [[1.5, 4.5]]


def test_one_patient_has_no_band_and_a_field_has_no_heads() -> None:
    summary = curve(np.array([[0.2, 0.4]]))
    assert summary.mean.tolist() == [0.2, 0.4]
    assert np.isnan([summary.low, summary.high]).all()
    assert summary.heads is None


@pytest.mark.parametrize("narrow", [False, True])
def test_the_cumulative_field_shows_threshold_and_chosen_block(profile: AttentionProfile, narrow: bool) -> None:
    axes = plot_cumulative_field(profile, "foreground", 0.5, chosen=3)(narrow).axes[0]
    assert texts(axes) == ["threshold 0.5", "chosen: block 3"]
    expected = profile.model["foreground/norm_weighted/far_field_ratio"].mean(axis=0)
    drawn = [line for line in axes.lines if line.get_color() == MODEL and len(np.atleast_1d(line.get_xdata())) == 12]
    np.testing.assert_allclose(np.asarray(drawn[0].get_ydata(), dtype=float), expected)


@pytest.mark.parametrize("chosen", [None, 0, 13])
def test_a_depth_outside_the_blocks_is_not_marked(profile: AttentionProfile, chosen: int | None) -> None:
    assert texts(plot_cumulative_field(profile, "all", 0.4, chosen)(False).axes[0]) == ["threshold 0.4"]


@pytest.mark.parametrize("narrow", [False, True])
def test_six_measures_have_six_panels(profile: AttentionProfile, narrow: bool) -> None:
    figure = plot_measures(profile, "foreground")(narrow)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [text for _, text in PANELS]
    assert [axes.get_yscale() for axes in figure.axes] == ["linear"] * 5 + ["log"]
    assert len({axes.get_position().x0 for axes in figure.axes}) == (1 if narrow else 3)


def test_a_profile_without_reference_lines_is_drawn_without_them(profile: AttentionProfile) -> None:
    bare = AttentionProfile(
        profile.patient_ids, profile.block_names, 3, profile.grid_size, profile.model, twin={}, uniform={}, example={}
    )
    with_lines, without = (plot_measures(each, "foreground")(False).axes[0] for each in (profile, bare))
    assert len(with_lines.lines) - len(without.lines) == 2
