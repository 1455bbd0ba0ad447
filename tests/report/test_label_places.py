import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trimformer.report.label_places import find_places, write_name

NOTHING = np.zeros((0, 4))


@pytest.fixture
def axes() -> Axes:
    axes = Figure(figsize=(4, 3)).add_subplot()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    return axes


def written(axes: Axes, names: list[str], points: list[tuple[float, float]], taken: np.ndarray = NOTHING) -> np.ndarray:
    """The boxes of the names, in pixels, after they were written where they were put."""
    for name, point, place in zip(names, points, find_places(axes, names, points, taken, "small"), strict=True):
        write_name(axes, name, point, place, "small", "black")
    return np.array([text.get_window_extent().extents for text in axes.texts])


def shared(one: np.ndarray, other: np.ndarray) -> float:
    return float((np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])).clip(0).prod())


def test_names_of_points_close_together_do_not_touch(axes: Axes) -> None:
    points = [(0.50, 0.5), (0.52, 0.5), (0.54, 0.52), (0.56, 0.5)]
    boxes = written(axes, ["first model", "second model", "third", "fourth"], points)
    assert not any(shared(one, other) for index, one in enumerate(boxes) for other in boxes[:index])


def test_a_name_stays_within_the_axes_even_in_a_corner(axes: Axes) -> None:
    frame = np.array(axes.get_window_extent().extents)
    for box in written(axes, ["a name of some length"] * 4, [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)]):
        assert shared(box, frame) == pytest.approx(shared(box, box))


def test_a_name_keeps_away_from_what_is_drawn_and_says_so_where_it_cannot(axes: Axes) -> None:
    x, y = axes.transData.transform((0.5, 0.5))
    right = np.array([[x, y - 100, x + 400, y + 100]])
    [box] = written(axes, ["name"], [(0.5, 0.5)], right)
    assert shared(box, right[0]) == 0
    assert find_places(axes, ["name"], [(0.5, 0.5)], right, "small")[0].covered == 0
    everywhere = np.array([axes.get_window_extent().extents])
    assert find_places(axes, ["name"], [(0.5, 0.5)], everywhere, "small")[0].covered > 0
    assert not find_places(axes, ["name"], [(0.5, 0.5)], everywhere, "small")[0].is_good


def test_only_a_name_that_is_far_from_its_point_is_led_to_it(axes: Axes) -> None:
    x, y = axes.transData.transform((0.5, 0.5))
    near = np.array([[x - 60, y - 30, x + 60, y + 30]])
    written(axes, ["free"], [(0.2, 0.2)])
    assert not find_places(axes, ["kept away"], [(0.5, 0.5)], near, "small")[0].is_good
    written(axes, ["kept away"], [(0.5, 0.5)], near)
    assert [text.arrow_patch is not None for text in axes.texts] == [False, True]  # type: ignore[attr-defined]
