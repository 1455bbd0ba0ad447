"""Which intensities a reader may ask to be black and white: in Hounsfield units where they are, else percentiles."""

from dataclasses import dataclass

import numpy as np

from trimformer.records.shown_volumes import ShownVolume
from trimformer.report.explorer.document import WINDOWS
from trimformer.report.formats import number

CENTRES_AND_WIDTHS = {
    "soft tissue": (40, 400),
    "liver": (60, 160),
    "brain": (40, 80),
    "bone": (400, 1800),
    "lung": (-600, 1500),
}
"""Of a CT, in Hounsfield units."""

FEWEST_GREYS = 16
"""A window in which fewer steps of the kept greys are left shows stairs."""


@dataclass(frozen=True)
class Window:
    """`low` becomes black and `high` white, in the unit of the volume; `words` say what that is."""

    words: str
    low: float
    high: float


def windows(volume: ShownVolume) -> list[Window]:
    """The windows of one patient, the usual one first."""
    if volume.unit == "HU":
        kept = Window(_range("Everything kept", volume.low, volume.high), volume.low, volume.high)
        return [*(window for window in _of_ct() if _is_kept(window, volume)), kept]
    step = (volume.high - volume.low) / 255
    tissue = volume.scan[volume.scan > 0]
    steps = {name: np.percentile(tissue if tissue.size else volume.scan, ends) for name, ends in WINDOWS.items()}
    return [
        Window(f"{name.capitalize()}, {WINDOWS[name][0]:g} to {WINDOWS[name][1]:g} %", *(volume.low + step * ends))
        for name, ends in steps.items()
    ]


def _of_ct() -> list[Window]:
    ends = {name: (centre - width / 2, centre + width / 2) for name, (centre, width) in CENTRES_AND_WIDTHS.items()}
    return [Window(_range(name.capitalize(), low, high), low, high) for name, (low, high) in ends.items()]


def _is_kept(window: Window, volume: ShownVolume) -> bool:
    """Whether enough greys for a window were kept, over most of its width."""
    inside = min(window.high, volume.high) - max(window.low, volume.low)
    step = (volume.high - volume.low) / 255
    return inside >= (window.high - window.low) / 2 and inside >= FEWEST_GREYS * step


def _range(name: str, low: float, high: float) -> str:
    return f"{name}, {number(low, 0)} to {number(high, 0)} HU"
