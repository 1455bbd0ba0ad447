import numpy as np
import pytest

from trimformer.data import page_part
from trimformer.data.page_part import PagePart


def body(shape: tuple[int, int, int], box: tuple[slice, slice, slice]) -> np.ndarray:
    scan = np.zeros(shape, np.float32)
    scan[box] = 100
    return scan


def test_air_is_left_out_but_for_a_margin() -> None:
    scan = body((20, 20, 10), (slice(8, 12), slice(5, 18), slice(0, 10)))
    part = PagePart.of(scan, (1.0, 1.0, 1.0))
    assert part == PagePart((slice(6, 14), slice(3, 20), slice(0, 10)), (1, 1, 1))
    assert (part.means(scan) == scan[6:14, 3:20]).all()


def test_noise_in_the_air_is_air() -> None:
    scan = body((60, 60, 60), (slice(20, 40), slice(15, 50), slice(10, 30)))
    scan[2, 3, 4] = scan[58, 1, 50] = scan[5, 57, 2] = 90
    assert PagePart.of(scan, (1.0, 1.0, 1.0)).box == (slice(18, 42), slice(13, 52), slice(8, 32))


def test_a_scan_that_is_nothing_but_air_is_shown_whole() -> None:
    assert PagePart.of(np.zeros((4, 5, 6), np.float32), (1.0, 1.0, 1.0)).box == (slice(0, 4), slice(0, 5), slice(0, 6))


def test_the_finest_axes_become_coarser_together(monkeypatch: pytest.MonkeyPatch) -> None:
    scan = np.random.default_rng(0).random((30, 30, 12), dtype=np.float32)
    monkeypatch.setattr(page_part, "MOST_VOXELS", 3000)
    assert PagePart.of(scan, (0.8, 0.82, 3.0)).step == (2, 2, 1)
    assert PagePart.of(scan, (3.0, 0.8, 3.0)).step == (1, 4, 1)


def test_voxels_become_their_mean_and_their_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    scan = np.random.default_rng(0).random((31, 30, 12), dtype=np.float32)
    labels = np.random.default_rng(1).integers(0, 5, scan.shape).astype(np.uint8)
    monkeypatch.setattr(page_part, "MOST_VOXELS", 1300)
    part = PagePart.of(scan, (1.0, 1.0, 4.0))
    assert part.step == (3, 3, 1)
    assert part.means(scan).shape == part.middles(labels).shape == (10, 10, 12)
    assert part.means(scan)[2, 4, 7] == pytest.approx(scan[6:9, 12:15, 7].mean(), rel=1e-6)
    assert part.middles(labels)[2, 4, 7] == labels[7, 13, 7]


def test_what_is_shown_lies_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    affine = np.array([[0, -2, 0, 90], [3, 0, 0.5, -70], [0, 0.1, 4, 5], [0, 0, 0, 1]])
    scan = body((30, 40, 20), (slice(10, 28), slice(6, 30), slice(3, 20)))
    monkeypatch.setattr(page_part, "MOST_VOXELS", 4000)
    part = PagePart.of(scan, (2.0, 2.0, 4.0))
    assert part.step == (2, 2, 1)
    index = np.array([3, 5, 7])
    begins = np.array([along.start for along in part.box])
    own = [begins + index * part.step + np.array(offset) for offset in np.ndindex(*part.step)]
    centres = [affine @ [*voxel, 1] for voxel in own]
    assert part.affine(affine) @ [*index, 1] == pytest.approx(np.mean(centres, axis=0))
