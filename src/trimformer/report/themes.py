"""How a chart is rendered: wide and narrow, light and dark, as SVG whose text is set in the reader's own font."""

import base64
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

TEXT, MUTED, GRID = "#1d2733", "#5a6573", "#dfe4ea"
MODEL, TWIN, UNIFORM = "#0b5fa5", "#b34a05", "#5c6775"
SERIES = (MODEL, TWIN, "#00735a", "#8f3f7c", "#7a6400", "#4b4fb0", "#9c1f3a", "#3d6b1d")
"""Colours of several models; each keeps 4.5 : 1 on the page and differs in lightness for the colour-blind."""

DARK = {
    TEXT: "#e6ebf1",
    MUTED: "#a3aebb",
    GRID: "#333d49",
    UNIFORM: "#a4afbc",
    MODEL: "#6cb4ff",
    TWIN: "#ff9f5f",
    "#00735a": "#4fd3a6",
    "#8f3f7c": "#e79bd3",
    "#7a6400": "#dcc04a",
    "#4b4fb0": "#a9acff",
    "#9c1f3a": "#ff8fa3",
    "#3d6b1d": "#9ccc72",
}
"""What each colour becomes on a dark page."""

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "trimformer",
    "text.parse_math": False,  # a model may be called "a$b"
    "font.family": ["DejaVu Sans"],
    "text.color": TEXT,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": MUTED,
    "axes.titlecolor": TEXT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
}

WIDE_INCHES, NARROW_INCHES = 9.6, 3.5
WIDE_POINTS, NARROW_POINTS = 8.5, 9.0


@dataclass(frozen=True)
class Chart:
    """A chart as SVG text for a wide and a narrow page, in light colours."""

    name: str
    alt: str
    wide: str
    narrow: str

    @property
    def sources(self) -> dict[str, str]:
        """Data-URIs by variant: `wide_light`, `wide_dark`, `narrow_light`, `narrow_dark`."""
        return {
            f"{width}_{theme}": svg_uri(paint(svg))
            for width, svg in (("wide", self.wide), ("narrow", self.narrow))
            for theme, paint in (("light", str), ("dark", to_dark))
        }


def render(name: str, alt: str, plot: Callable[[bool], Figure]) -> tuple[Chart, bytes]:
    """Draw a chart through `plot(narrow)`; beside it the wide variant as PNG, for slides and papers."""
    with matplotlib.rc_context({**STYLE, "font.size": WIDE_POINTS}):
        figure = plot(False)
        wide, png = _svg(figure), io.BytesIO()
        figure.savefig(png, format="png", dpi=150, facecolor="white")
    with matplotlib.rc_context({**STYLE, "font.size": NARROW_POINTS}):
        narrow = _svg(plot(True))
    return Chart(name, alt, wide, narrow), png.getvalue()


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    # The layout was measured in DejaVu Sans, which is wider than the common system fonts: nothing can overflow.
    return re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, 'Segoe UI', Roboto, Helvetica, sans-serif", buffer.getvalue())


def to_dark(svg: str) -> str:
    """The same drawing in the dark theme: every colour of the light one is exchanged for its partner."""
    return re.sub(r"#[0-9a-f]{6}\b", lambda match: DARK.get(match[0], match[0]), svg)


def svg_uri(svg: str) -> str:
    """SVG text as a data-URI."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def new_figure(narrow: bool, wide_height: float, narrow_height: float) -> Figure:
    """An empty figure of the page's width; heights in inches."""
    size = (NARROW_INCHES, narrow_height) if narrow else (WIDE_INCHES, wide_height)
    return Figure(figsize=size, layout="constrained")


def title(axes: Axes, text: str) -> None:
    """Write what an axes shows above it, flush left, in place of a turned y label."""
    axes.set_title(text, loc="left", fontsize="medium", fontweight="bold", pad=8)
