"""The drawing says what the description says, and nothing in it lies on anything else."""

from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import matplotlib
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from trimformer.models import create_model
from trimformer.models.anatomy.description import describe_model
from trimformer.records.description import ArchitectureDescription, Edge, Node, Shape
from trimformer.records.errors import UserError
from trimformer.report.architecture.draw import architecture_figure, draw_architecture
from trimformer.report.architecture.layout import BOX_HEIGHT, JOINT_WIDTH, JOINTS, Layout, glyph_width, lay_out
from trimformer.report.themes import STYLE

MODELS: dict[str, dict[str, Any]] = {
    "unetr": {"num_blocks": 12, "size": "base"},
    "unetr compressed": {"num_blocks": 3, "decoder": "compressed"},
    "unetr without blocks": {"num_blocks": 0, "patch_size": 8},
    "cats": {"num_blocks": 12, "size": "base"},
    "cats patch 8": {"num_blocks": 3, "patch_size": 8, "trunk": "resnet34"},
    "cats compressed": {"num_blocks": 3, "decoder": "compressed", "trunk": "densenet121"},
    "transunet": {"num_blocks": 12, "size": "base"},
    "unet": {},
}


@pytest.fixture(scope="module", params=MODELS)
def description(request: pytest.FixtureRequest) -> ArchitectureDescription:
    settings: dict[str, Any] = {"num_classes": 9, "size": "tiny"} | MODELS[request.param]
    with torch.device("meta"):
        return describe_model(create_model(request.param.split()[0], **settings))


@pytest.fixture(scope="module")
def small() -> ArchitectureDescription:
    """An image, a convolution beside a coarser one, concatenated."""

    def shape(channels: int, side: int) -> Shape:
        return Shape(channels=channels, rows=side, columns=side)

    def conv(name: str, shape: Shape) -> Node:
        return Node(name=name, kind="convolutions", label="convolution", part="decoder", shape=shape, convolutions=1)

    def node(name: str, kind: Any, shape: Shape, **more: Any) -> Node:
        return Node(name=name, kind=kind, label=kind, part="decoder", shape=shape, **more)

    return ArchitectureDescription(
        name="a$b",
        settings={},
        parameters={"decoder": 1234},
        taps=(),
        token_grid=None,
        nodes=(
            node("image", "image", shape(1, 32)),
            conv("fine", shape(8, 32)),
            conv("coarse", shape(16, 15)),
            node("up", "upsampling", shape(16, 32), upsampling="interpolation"),
            node("both", "concatenation", shape(24, 32)),
            node("gate", "operation", shape(24, 32)),
            node("logits", "logits", shape(24, 32)),
        ),
        edges=tuple(
            Edge(source=source, target=target, shape=shape(1, 32))
            for source, target in [
                ("image", "fine"),
                ("image", "coarse"),
                ("coarse", "up"),
                ("fine", "both"),
                ("up", "both"),
                ("both", "gate"),
                ("gate", "logits"),
            ]
        ),
    )


def boxes(description: ArchitectureDescription, layout: Layout) -> dict[str, tuple[float, float, float, float]]:
    """Left, top, right and bottom of every piece."""
    found = {}
    for node in description.nodes:
        (x, y), height = layout.centres[node.name], JOINT_WIDTH if node.kind in JOINTS else BOX_HEIGHT
        half = glyph_width(node) / 2
        found[node.name] = (x - half, y - height / 2, x + half, y + height / 2)
    return found


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_no_piece_lies_on_another(description: ArchitectureDescription) -> None:
    for one, other in combinations(boxes(description, lay_out(description)).values(), 2):
        assert one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]


def test_no_line_runs_through_a_piece(description: ArchitectureDescription) -> None:
    layout = lay_out(description)
    for route in layout.routes:
        for name, (left, top, right, bottom) in boxes(description, layout).items():
            if name in (route.edge.source, route.edge.target):
                continue
            for (x0, y0), (x1, y1) in pairwise(route.corners):
                beside = max(x0, x1) < left or min(x0, x1) > right or max(y0, y1) < top or min(y0, y1) > bottom
                assert beside, f"{route.edge.source} -> {route.edge.target} through {name}"


def test_lines_of_two_sources_cross_but_never_run_along_each_other(description: ArchitectureDescription) -> None:
    segments = [(route.edge, sorted(ends)) for route in lay_out(description).routes for ends in pairwise(route.corners)]
    for (edge, (a, b)), (other, (c, d)) in combinations(segments, 2):
        if edge.source == other.source or edge.target == other.target:
            continue
        if a[0] == b[0] == c[0] == d[0]:
            assert b[1] <= c[1] or d[1] <= a[1]
        if a[1] == b[1] == c[1] == d[1]:
            assert b[0] <= c[0] or d[0] <= a[0]


def test_data_flows_to_the_right_and_grids_from_fine_to_coarse(description: ArchitectureDescription) -> None:
    layout = lay_out(description)
    assert all(layout.centres[edge.source][0] < layout.centres[edge.target][0] for edge in description.edges)
    rows = [level.rows for level in layout.levels]
    assert rows == sorted(rows, reverse=True)
    for node in description.nodes:
        (level,) = (one for one in layout.levels if one.top < layout.centres[node.name][1] < one.bottom)
        assert abs(level.rows - node.shape.rows) <= 1


def test_no_text_lies_on_another_or_leaves_the_page(description: ArchitectureDescription) -> None:
    with matplotlib.rc_context(STYLE):
        figure = architecture_figure(description)
        canvas: Any = FigureCanvasAgg(figure)
        canvas.draw()
    page = figure.bbox
    extents = [text.get_window_extent(canvas.get_renderer()) for text in figure.axes[0].texts if text.get_text()]
    for extent in extents:
        assert page.x0 <= extent.x0 < extent.x1 <= page.x1
        assert page.y0 <= extent.y0 < extent.y1 <= page.y1
    for one, other in combinations(extents, 2):
        assert not one.overlaps(other)


def test_every_piece_shows_its_channels_and_every_level_its_grid(description: ArchitectureDescription) -> None:
    shown = texts(architecture_figure(description))
    channels = [str(node.shape.channels) for node in description.nodes]
    assert all(shown.count(number) >= channels.count(number) for number in channels)
    assert {f"{node.shape.rows} × {node.shape.columns}" for node in description.nodes} <= set(shown)


def test_taps_are_named_after_their_block(description: ArchitectureDescription) -> None:
    shown = {text for text in texts(architecture_figure(description)) if text.startswith("after\n")}
    assert shown == {f"after\nblock {tap}" if tap else "after\n0 blocks" for tap in description.taps}


def test_a_small_drawing_by_hand(small: ArchitectureDescription) -> None:
    layout = lay_out(small)
    columns = sorted({x for x, _ in layout.centres.values()})
    assert [columns.index(layout.centres[node.name][0]) for node in small.nodes] == [0, 1, 1, 2, 3, 4, 5]
    assert [(level.rows, level.factor) for level in layout.levels] == [(32, 1), (15, 2)]
    heights = {name: y for name, (_, y) in layout.centres.items()}
    assert heights["image"] == heights["fine"] == heights["both"] < heights["up"] < heights["coarse"]
    (into_joint,) = (route for route in layout.routes if (route.edge.source, route.edge.target) == ("up", "both"))
    assert into_joint.corners[-1][0] == layout.centres["both"][0]
    shown = texts(architecture_figure(small))
    assert {"a$b", "1,234 parameters", "network", "interpolation", "concatenation", "operation"} <= set(shown)


def test_a_grid_beside_the_usual_one_is_written_below_its_piece() -> None:
    with torch.device("meta"):
        description = describe_model(create_model("transunet", num_classes=4, size="tiny", num_blocks=1))
    assert lay_out(description).notes["trunk.stages.0"] == "55 × 55"


@pytest.mark.parametrize(
    ("suffix", "magic"), [("png", b"\x89PNG"), ("PNG", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_the_suffix_says_what_is_written(
    small: ArchitectureDescription, tmp_path: Path, suffix: str, magic: bytes
) -> None:
    draw_architecture(small, tmp_path / "new" / f"model.{suffix}")
    content = (tmp_path / "new" / f"model.{suffix}").read_bytes()
    assert content.startswith(magic)
    draw_architecture(small, tmp_path / f"again.{suffix}")
    assert (tmp_path / f"again.{suffix}").read_bytes() == content


def test_svg_text_stays_text(small: ArchitectureDescription, tmp_path: Path) -> None:
    draw_architecture(small, tmp_path / "model.svg")
    assert ">1,234 parameters</text>" in (tmp_path / "model.svg").read_text(encoding="utf-8")


def test_other_suffixes_and_places_are_refused(small: ArchitectureDescription, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\.png, \.svg or \.pdf"):
        draw_architecture(small, tmp_path / "model.gif")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="writable"):
        draw_architecture(small, tmp_path / "file" / "model.png")
