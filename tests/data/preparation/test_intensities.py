import numpy as np
import pytest

from trimformer.data.preparation.intensities import MOST_ALONG_AXIS, joint_range, usual_range


def test_a_few_odd_voxels_do_not_count() -> None:
    volume = np.linspace(0, 1000, 20**3, dtype=np.float32).reshape(20, 20, 20)
    low, high = usual_range(volume)
    assert (low, high) == pytest.approx(np.percentile(volume, (0.5, 99.5)))
    volume[0, 0, :5], volume[5, 5, :5] = -1e6, 1e6
    assert usual_range(volume) == pytest.approx((low, high), abs=2)


def test_of_a_large_volume_voxels_that_lie_evenly_are_looked_at() -> None:
    ramp = np.broadcast_to(np.arange(3 * MOST_ALONG_AXIS + 1, dtype=np.float32), (2, 3, 3 * MOST_ALONG_AXIS + 1))
    assert usual_range(ramp) == pytest.approx(np.percentile(ramp, (0.5, 99.5)), abs=4)


def test_a_range_that_holds_all() -> None:
    assert joint_range([(0.0, 5.0), (-2.0, 3.0), (1.0, 7.0)]) == (-2, 7)
