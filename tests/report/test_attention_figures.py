from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from made_attention import BLOCKS, HEADS, small_example, small_profile
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text
from scipy import stats

from trimformer.records.errors import UserError
from trimformer.records.profile import FIELD_MEASURES, FIELDS, MEASURES
from trimformer.report.attention import charts, write
from trimformer.report.attention.paper import PAPER_STYLE, block_ticks, main_region, regions
from trimformer.report.attention.write import file_name, write_attention_figures
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


def test_one_profile_gives_its_figures_in_every_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "PICTURE_DOTS", 60)  # quicker
    paths = write_attention_figures(
        {"small": small_profile()}, tmp_path, examples={"small": small_example()}, blocks=[2], head=1
    )
    names = [
        "distance-by-head",
        "measures-foreground",
        "receptive-field-foreground",
        "measures-all",
        "receptive-field-all",
        "maps-head-1",
        "maps-block-2-head-1",
        "heads-block-2",
        "rollout",
        "feature-maps",
    ]
    assert paths == [tmp_path / f"{name}.{suffix}" for name in names for suffix in ("png", "svg", "pdf")]
    for path in paths:
        if path.suffix == ".png":
            assert imread(path)[..., :3].std() > 0.01
        if path.suffix == ".svg":
            assert "small" in path.read_text()
            assert "<text" in path.read_text()
        if path.suffix == ".pdf":
            assert path.read_bytes().startswith(b"%PDF")


def test_the_same_profile_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("once", "again"):
        write_attention_figures(
            {"small": small_profile()}, tmp_path / folder, ("svg", "pdf"), examples={"small": small_example()}
        )
    for path in (tmp_path / "once").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()
        assert b"CreationDate" not in path.read_bytes()


def test_several_profiles_have_a_folder_each_and_are_compared(tmp_path: Path) -> None:
    profiles = {"UNETR, 3 blocks": small_profile(0, 3), "TransUNet": small_profile(1, 2)}
    examples = {"UNETR, 3 blocks": small_example(0, 3), "TransUNet": small_example(1, 2)}
    paths = write_attention_figures(profiles, tmp_path, ("svg",), examples=examples)
    compared = [path.stem for path in paths if path.parent == tmp_path]
    assert compared == ["compared-measures", "compared-maps", "compared-rollout"]
    assert {path.parent.name for path in paths} - {tmp_path.name} == {"UNETR-3-blocks", "TransUNet"}
    text = (tmp_path / "compared-maps.svg").read_text()
    assert "UNETR, 3 blocks" in text
    assert "TransUNet" in text


def test_maps_of_other_slices_are_not_compared(tmp_path: Path) -> None:
    first, second = small_profile(0), small_profile(1)
    second.example["image"] = second.example["image"] + 1
    paths = write_attention_figures({"a": first, "b": second}, tmp_path, ("svg",))
    assert [path.stem for path in paths if path.parent == tmp_path] == ["compared-measures"]


def test_a_profile_alone_shows_the_slice_that_it_keeps(tmp_path: Path) -> None:
    names = [path.stem for path in write_attention_figures({"a": small_profile()}, tmp_path, ("svg",))]
    assert names[-2:] == ["maps", "rollout"]
    bare = small_profile(with_foreground=False)
    bare.example.clear()
    names = [path.stem for path in write_attention_figures({"a": bare}, tmp_path / "bare", ("svg",))]
    assert names == ["distance-by-head", "measures-all", "receptive-field-all"]


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
    tmp_path: Path, profiles: dict[str, object], options: dict[str, object], found: str
) -> None:
    with pytest.raises(UserError) as told:
        write_attention_figures(profiles, tmp_path, **options)  # type: ignore[arg-type]
    assert found in str(told.value.found)


def test_a_name_becomes_a_file_name() -> None:
    assert file_name("../a:b/ c") == "a-b-c"
    assert file_name("..") == "model"


@pytest.mark.parametrize("name", ["UNETR", "a model with quite a long name that somebody gave it, 12 blocks, seed 3"])
def test_texts_of_a_chart_do_not_overlap_and_stay_inside(name: str) -> None:
    profile = small_profile(blocks=12)
    figures = [charts.distance_by_head(profile, name, "foreground"), charts.measures(profile, name, "foreground")]
    figures += [charts.fields(profile, name, "all"), charts.compared_measures({name: profile, "other": profile})]
    for figure in figures:
        assert_texts_are_apart(figure)


def assert_texts_are_apart(figure: Figure) -> None:
    figure.draw_without_rendering()
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    inside = [(name, box) for name, box in boxes if box.width > 0]
    page = figure.bbox
    for number, (name, box) in enumerate(inside):
        assert page.x0 - 1 <= box.x0, name
        assert box.x1 <= page.x1 + 1, name
        for other, its in inside[number + 1 :]:
            assert not box.overlaps(its), (name, other)
