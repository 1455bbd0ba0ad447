"""Between which intensities a scan lies, a few bright or dark voxels aside."""

import numpy as np

Span = tuple[float, float]

PERCENTILES = (0.5, 99.5)

MOST_ALONG_AXIS = 96
"""Voxels that are looked at along each axis: a million of them tell these percentiles well enough."""


def usual_range(channel: np.ndarray) -> Span:
    """The 0.5th and the 99.5th percentile of a volume (x, y, z), of voxels that lie evenly in it."""
    steps = (-(-size // MOST_ALONG_AXIS) for size in channel.shape)
    low, high = np.percentile(channel[tuple(slice(None, None, step) for step in steps)], PERCENTILES)
    return float(low), float(high)


def joint_range(spans: "list[Span]") -> Span:
    """The range that holds all these."""
    return min(low for low, _ in spans), max(high for _, high in spans)
