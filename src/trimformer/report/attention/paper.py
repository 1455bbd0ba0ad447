"""The look of a figure in a paper: its widths, its letters, and the region that it speaks of."""

from typing import Any

import numpy as np

from trimformer.records.profile import AttentionProfile
from trimformer.report.themes import STYLE

SINGLE_COLUMN, DOUBLE_COLUMN = 3.5, 7.16
"""Inches, as two-column journals have them."""

TITLE_POINTS, POINTS, SMALL_POINTS = 8.5, 7.5, 6.8
CHART_DOTS, PICTURE_DOTS = 300, 600
"""Dots an inch of a PNG: 600 shows each of 196 x 196 attention weights in a third of a page's width."""

PAPER_STYLE: dict[Any, Any] = {
    **STYLE,
    "font.size": POINTS,
    "axes.titlesize": POINTS,
    "axes.titlepad": 5,
    "axes.labelsize": SMALL_POINTS,
    "xtick.labelsize": SMALL_POINTS,
    "ytick.labelsize": SMALL_POINTS,
}

REGION_WORDS = {"foreground": "patches that cover a label", "all": "all patches"}


def main_region(profile: AttentionProfile) -> str:
    """`foreground`, or `all` where the profile was made without labels."""
    return "foreground" if np.isfinite(profile.model["foreground/distance_px"]).any() else "all"


def regions(profile: AttentionProfile) -> tuple[str, ...]:
    """The regions that have numbers, the main one first."""
    return ("all",) if main_region(profile) == "all" else ("foreground", "all")


def block_ticks(num_blocks: int) -> list[int]:
    """At most seven block numbers, the first and the last among them, for an axis of an inch."""
    step = max(1, -(-num_blocks // 6))
    return [1, *range(2 if step == 1 else step, num_blocks + 1, step)][: num_blocks or 1]
