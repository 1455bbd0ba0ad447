from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from made_attention import BLOCKS, HEADS, small_example, small_measured, small_profile
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text
from scipy import stats

from trimformer.records.errors import UserError
from trimformer.records.measured_run import MeasuredRun
from trimformer.records.profile import FIELD_MEASURES, FIELDS, MEASURES
from trimformer.records.run_folder import RunFolder
from trimformer.report.attention import charts, drawings, write
from trimformer.report.attention.drawings import Drawing, Model, of_one, of_several
from trimformer.report.attention.paper import PAPER_STYLE, block_ticks, main_region, regions
from trimformer.report.attention.write import file_name, write_attention_figures, write_run_figures
from trimformer.report.themes import MODEL, SERIES, TWIN, UNIFORM


@pytest.fixture(autouse=True)
def _style() -> Iterator[None]:
    with matplotlib.rc_context(PAPER_STYLE):
        yield


def drawn(axes: matplotlib.axes.Axes, colour: str, points: int) -> list[np.ndarray]:
    lines = [np.asarray(line.get_ydata(), dtype=float) for line in axes.lines if line.get_color() == colour]
    return [line for line in lines if len(line) == points]


def test_every_head_is_a_dot_in_millimetres_and_the_uniform_line_and_twin_stand_beside_them() -> None:
    profile = small_profile()
    axes = charts.distance_by_head(profile, "small", "foreground").axes[0]
    distance, twin = (group["foreground/distance_mm"] for group in (profile.model, profile.twin))
    *heads, mean = drawn(axes, MODEL, BLOCKS)
    assert len(heads) == HEADS
    np.testing.assert_allclose(np.stack(heads, axis=1), distance.mean(axis=0))
    np.testing.assert_allclose(mean, distance.mean(axis=(0, 2)))
    np.testing.assert_allclose(drawn(axes, TWIN, BLOCKS)[0], twin.mean(axis=(0, 2)))
    np.testing.assert_allclose(drawn(axes, UNIFORM, 2)[0], 0.7)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("block", "mean attention distance (mm)")


@pytest.mark.parametrize("region", ["foreground", "all"])
def test_every_measure_is_drawn_with_its_patient_interval(region: str) -> None:
    profile = small_profile()
    figure = charts.measures(profile, "small", region)
    assert len(figure.axes) == len(MEASURES)
    for axes, measure in zip(figure.axes, MEASURES, strict=True):
        patients = profile.model[f"{region}/{measure}"].mean(axis=2)
        np.testing.assert_allclose(drawn(axes, MODEL, BLOCKS)[-1], patients.mean(axis=0))
        half = stats.t.ppf(0.975, len(patients) - 1) * patients.std(axis=0, ddof=1) / np.sqrt(len(patients))
        band = np.concatenate([path.vertices for path in axes.collections[-1].get_paths()])
        for bound in (patients.mean(axis=0) - half, patients.mean(axis=0) + half):
            assert all(np.isclose(band[:, 1], value).any() for value in bound)
        assert axes.get_ylabel()
        assert axes.get_title(loc="left")
    assert [axes.get_yscale() for axes in figure.axes] == ["linear"] * 7 + ["log"]


def test_every_field_has_its_column_and_every_figure_of_it_its_row() -> None:
    profile = small_profile()
    figure = charts.fields(profile, "small", "foreground")
    places = [(field, measure) for measure in FIELD_MEASURES for field in FIELDS]
    for axes, (field, measure) in zip(figure.axes, places, strict=True):
        key = f"foreground/{field}/{measure}"
        np.testing.assert_allclose(drawn(axes, MODEL, BLOCKS)[-1], profile.model[key].mean(axis=0))
        np.testing.assert_allclose(drawn(axes, TWIN, BLOCKS)[-1], profile.twin[key].mean(axis=0))
        np.testing.assert_allclose(drawn(axes, UNIFORM, 2)[0], 1)


def test_models_of_different_depth_share_their_panels() -> None:
    profiles = {"deep": small_profile(0, 3), "flat": small_profile(1, 2)}
    figure = charts.compared_measures(profiles)
    for axes, measure in zip(figure.axes, MEASURES, strict=True):
        for colour, profile in zip(SERIES, profiles.values(), strict=False):
            expected = profile.model[f"foreground/{measure}"].mean(axis=(0, 2))
            np.testing.assert_allclose(drawn(axes, colour, profile.num_blocks)[-1], expected)
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert named[:2] == ["deep", "flat"]


def test_without_labels_all_patches_are_the_region() -> None:
    assert regions(small_profile()) == ("foreground", "all")
    bare = small_profile(with_foreground=False)
    assert (main_region(bare), regions(bare)) == ("all", ("all",))


@pytest.mark.parametrize(
    ("num_blocks", "ticks"),
    [(1, [1]), (3, [1, 2, 3]), (6, [1, 2, 3, 4, 5, 6]), (12, [1, 2, 4, 6, 8, 10, 12]), (24, [1, 4, 8, 12, 16, 20, 24])],
)
def test_an_axis_of_an_inch_has_room_for_seven_blocks(num_blocks: int, ticks: list[int]) -> None:
    assert block_ticks(num_blocks) == ticks


def model(name: str, seed: int = 0, blocks: int = BLOCKS, **words: Any) -> Model:
    profile = small_profile(seed, blocks, words.pop("with_foreground", True))
    return Model(name, profile, words.pop("example", small_example(seed, blocks)), words.pop("measured", MeasuredRun()))


def files(drawn: Iterator[Drawing]) -> list[str]:
    return [drawing.file for drawing in drawn]


def test_a_model_has_a_figure_of_all_that_is_known_of_it() -> None:
    of_profile = ["distance-by-head", "measures-foreground", "rollout-measures-foreground"]
    of_profile += ["measures-all", "rollout-measures-all"]
    of_slice = ["maps-head-1", "maps-block-2-head-1", "heads-block-2", "rollout", "relevance", "feature-maps"]
    measured = ["receptive-field", "receptive-field-maps", "similarity", "organs", "causal-radius", "first-blocks"]
    assert files(of_one(model("a"), [2], 1)) == of_profile + of_slice
    assert files(of_one(model("a", measured=small_measured()), [2], 1)) == of_profile + measured + of_slice
    bare = model("a", with_foreground=False, example=None)
    assert files(of_one(bare, [], None)) == ["distance-by-head", "measures-all", "rollout-measures-all"]


def test_several_models_are_compared_where_they_show_the_same_slice() -> None:
    pair = [model("deep", 0, 3, measured=small_measured()), model("flat", 1, 2, measured=small_measured())]
    names = ["compared-measures", "compared-remaining-dice", "compared-maps", "compared-rollout"]
    assert files(of_several(pair, None)) == names
    other = replace(small_example(1), slice_index=8)
    assert files(of_several([model("a"), model("b", 1, example=other)], None)) == ["compared-measures"]
    assert files(of_several([model("a"), model("b", 1, example=None)], None)) == ["compared-measures"]


def few(monkeypatch: pytest.MonkeyPatch, *wanted: str) -> None:
    """Only these files are drawn, and coarsely: it is quicker."""
    monkeypatch.setattr(drawings, "PICTURE_DOTS", 60)
    for name in ("of_one", "of_several"):
        make: Any = getattr(drawings, name)
        monkeypatch.setattr(write, name, lambda *words, make=make: (d for d in make(*words) if d.file in wanted))


def test_a_figure_is_written_in_every_format_and_again_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few(monkeypatch, "distance-by-head", "rollout")
    for folder in ("once", "again"):
        examples = {"small": small_example()}
        paths = write_attention_figures({"small": small_profile()}, tmp_path / folder, examples=examples)
        names = [f"{name}.{suffix}" for name in ("distance-by-head", "rollout") for suffix in ("png", "svg", "pdf")]
        assert paths == [tmp_path / folder / name for name in names]
    for path in paths:
        assert path.read_bytes() == (tmp_path / "once" / path.name).read_bytes()
        assert b"CreationDate" not in path.read_bytes()
        if path.suffix == ".png":
            assert imread(path)[..., :3].std() > 0.01
        if path.suffix == ".svg":
            assert "small" in path.read_text()
            assert "<text" in path.read_text()
        if path.suffix == ".pdf":
            assert path.read_bytes().startswith(b"%PDF")


def test_several_runs_have_a_folder_each_and_what_was_measured_is_read_from_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few(monkeypatch, "first-blocks", "compared-maps")
    runs = {"UNETR, 3 blocks": RunFolder(tmp_path / "one"), "TransUNet": RunFolder(tmp_path / "two")}
    for seed, run in enumerate(runs.values()):
        run.path.mkdir()
        small_profile(seed).save(run.profile_file, run.profile_arrays)
    skipped = small_measured().skipped_blocks
    assert skipped is not None
    skipped.save(runs["TransUNet"].skipped_blocks_file)
    examples = {name: small_example(seed) for seed, name in enumerate(runs)}
    paths = write_run_figures(runs, tmp_path / "figures", ("svg",), examples=examples)
    expected = ["TransUNet/first-blocks.svg", "compared-maps.svg"]
    assert [path.relative_to(tmp_path / "figures").as_posix() for path in paths] == expected
    text = paths[-1].read_text()
    assert "UNETR, 3 blocks" in text
    assert "TransUNet" in text


@pytest.mark.parametrize(
    ("profiles", "options", "found"),
    [
        ({}, {}, "none"),
        ({"a": small_profile()}, {"formats": ("png", "gif")}, "gif"),
        ({"a b": small_profile(), "a-b": small_profile()}, {}, "a b, a-b"),
        ({"a": small_profile()}, {"formats": ("svg",), "blocks": [4]}, "block 4"),
        ({"a": small_profile()}, {"formats": ("svg",), "head": 1}, "only the head mean"),
    ],
)
def test_what_cannot_be_drawn_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    profiles: dict[str, object],
    options: dict[str, object],
    found: str,
) -> None:
    few(monkeypatch, "maps-block-4", "maps-head-1")
    with pytest.raises(UserError) as told:
        write_attention_figures(profiles, tmp_path, **options)  # type: ignore[arg-type]
    assert found in str(told.value.found)


def test_a_name_becomes_a_file_name() -> None:
    assert file_name("../a:b/ c") == "a-b-c"
    assert file_name("..") == "model"


NEW = ("receptive-field", "similarity", "organs", "causal-radius", "first-blocks")


@pytest.mark.parametrize("name", ["UNETR", "a model with quite a long name that somebody gave it, 12 blocks, seed 3"])
def test_texts_of_a_chart_do_not_overlap_and_stay_inside(name: str) -> None:
    profile = small_profile(blocks=12)
    figures = [charts.distance_by_head(profile, name, "foreground"), charts.measures(profile, name, "foreground")]
    figures += [charts.fields(profile, name, "all"), charts.compared_measures({name: profile, "other": profile})]
    for figure in figures:
        assert_texts_are_apart(figure)


@pytest.mark.parametrize("file", NEW)
def test_texts_of_what_was_measured_do_not_overlap_and_stay_inside(file: str) -> None:
    named = model("a model with quite a long name that somebody gave it, 9 blocks", measured=small_measured(9))
    (figure,) = (each.draw() for each in of_one(named, [], None) if each.file == file)
    assert_texts_are_apart(figure)


def beyond_the_view(axis: Axis) -> list[Text]:
    """Labels of ticks that are not drawn."""
    low, high = sorted(axis.get_view_interval())
    ticks = [tick for tick in axis.get_major_ticks() if not low - 1e-9 <= tick.get_loc() <= high + 1e-9]
    return [label for tick in ticks for label in (tick.label1, tick.label2)]


def assert_texts_are_apart(figure: Figure) -> None:
    figure.draw_without_rendering()
    beyond = {label for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for label in beyond_the_view(axis)}
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    texts = [text for text in texts if text not in beyond]
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    inside = [(name, box) for name, box in boxes if box.width > 0]
    page = figure.bbox
    for number, (name, box) in enumerate(inside):
        assert page.x0 - 1 <= box.x0, name
        assert box.x1 <= page.x1 + 1, name
        for other, its in inside[number + 1 :]:
            assert not box.overlaps(its), (name, other)
