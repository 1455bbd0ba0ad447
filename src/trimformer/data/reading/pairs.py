"""An image and its labels, each in files that `read_volume` knows -> the scan of one case."""

import numpy as np

from trimformer.data.layout import Case
from trimformer.data.reading.volume import read_volume
from trimformer.data.scan import Scan, Volume
from trimformer.records.choices import SpacingFrom

SERIES_AXES = 4
"""Three axes of a volume, and one of channels behind them."""


def read_pair(case: Case, spacing_from: SpacingFrom = "affine", channels_last: bool = False) -> Scan:
    """Read the images of a case in their order, one a channel, as float32; then its labels as they are stored.

    Args:
        case: One file a channel, and one file of labels or none.
        spacing_from: Which of the two is believed about voxel sizes.
        channels_last: The fourth axis of a single image file is one of channels; otherwise such a file stays one
            channel with four axes, which `read_case` refuses.

    Raises:
        FileError: A file is missing, damaged, or holds nothing.
    """
    channels = tuple(read_volume(image, spacing_from, dtype=np.float32) for image in case.images)
    if channels_last and len(channels) == 1:
        channels = _split_channels(channels[0])
    labels = read_volume(case.labels[0], spacing_from) if case.labels else None
    return Scan(channels, labels)


def _split_channels(volume: Volume) -> tuple[Volume, ...]:
    """(x, y, z, channels) -> a volume a channel, on one affine; (x, y, z) is one channel already."""
    if volume.voxels.ndim != SERIES_AXES:
        return (volume,)
    return tuple(Volume(volume.voxels[..., channel], volume.affine) for channel in range(volume.voxels.shape[-1]))
