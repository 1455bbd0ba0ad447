import base64
import re

import pytest
from matplotlib.figure import Figure

from trimformer.report.themes import DARK, GRID, MODEL, MUTED, SERIES, TEXT, TWIN, UNIFORM, render, svg_uri, to_dark

LIGHT_PAGE, DARK_PAGE = "#fdfdfc", "#12171d"


def luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(colour: str, page: str) -> float:
    dark, light = sorted((luminance(colour), luminance(page)))
    return (light + 0.05) / (dark + 0.05)


def plot(narrow: bool) -> Figure:
    figure = Figure(figsize=(2, 2 if narrow else 1))
    figure.add_subplot().set_title("cost $5 & more")
    return figure


@pytest.mark.parametrize("colour", sorted({TEXT, MUTED, MODEL, TWIN, UNIFORM, *SERIES}))
def test_every_colour_stands_out_on_both_pages(colour: str) -> None:
    assert contrast(colour, LIGHT_PAGE) >= 4.5
    assert contrast(DARK[colour], DARK_PAGE) >= 4.5


def test_dark_exchanges_every_colour_once() -> None:
    assert to_dark(f"stroke: {MODEL}; fill: {GRID}; other: #123456") == (
        f"stroke: {DARK[MODEL]}; fill: {DARK[GRID]}; other: #123456"
    )
    assert len(set(DARK.values())) == len(DARK)


def test_a_chart_has_four_variants_without_a_colour_of_the_other_theme() -> None:
    chart, png = render("cost", "The cost.", plot)
    assert len(set(chart.sources.values())) == 4
    assert png.startswith(b"\x89PNG")
    dark = base64.b64decode(chart.sources["wide_dark"].partition(",")[2]).decode()
    assert set(DARK).isdisjoint(re.findall(r"#[0-9a-f]{6}\b", dark))
    assert re.search(r'viewBox="0 0 144 72"', chart.wide)
    assert re.search(r'viewBox="0 0 144 144"', chart.narrow)


def test_a_chart_is_the_same_each_time_and_its_text_stays_text() -> None:
    first, second = (render("cost", "The cost.", plot)[0] for _ in range(2))
    assert first == second
    assert ">cost $5 &amp; more</text>" in first.wide
    assert "system-ui" in first.wide
    assert "DejaVu" not in first.wide


def test_svg_survives_the_data_uri() -> None:
    assert (
        base64.b64decode(svg_uri("<svg>µ</svg>").removeprefix("data:image/svg+xml;base64,")).decode() == "<svg>µ</svg>"
    )
