"""From which ranges a simulated patient is drawn."""

from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True)
class Recipe:
    """Another head, another scanner: lengths in mm, intensities as shares of the brightest tissue."""

    head_scale: Range = (0.94, 1.06)
    """Size of the head along each axis, drawn by itself."""
    warps: tuple[Range, ...] = ((24.0, 2.5), (8.0, 0.5))
    """(smoothness, standard deviation of the displacement): the shape of the head and its ventricles, then its gyri."""
    atrophy_mm: Range = (1.5, 3.0)
    """By how much ventricles and sulci are wider than the average brain's."""
    tilt_degrees: float = 4.0
    """How far the slices lean about each axis, at most."""
    in_plane_mm: Range = (1.5, 1.75)
    slice_mm: Range = (3.4, 4.3)
    field_margin_mm: float = 12.0
    """By how much the field of view is wider than the head."""
    gamma: Range = (0.7, 1.1)
    """Exponent of the contrast curve: below one, gray and white matter come closer."""
    bias: float = 0.35
    """Largest coefficient of the second-degree log bias field."""
    noise: Range = (0.03, 0.05)
    """Standard deviation of the Rician noise."""
    brightest: Range = (200.0, 1200.0)
    """What the scanner calls the brightest tissue."""
