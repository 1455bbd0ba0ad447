"""Properties that hold of every grid: what is taken apart into slices is put together as it was."""

from itertools import permutations, product

import nibabel
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from nibabel.affines import voxel_sizes
from nibabel.orientations import aff2axcodes
from scipy.spatial.transform import Rotation

from trimformer.data.patient import Patient
from trimformer.data.preparation.native_grid import NativeGrid
from trimformer.data.preparation.slices import to_native_grid, to_slices
from trimformer.data.preprocessing import Preprocessing

AXIS_CODES = [
    "".join(codes[axis][side] for axis, side in zip(order, sides, strict=True))
    for codes in [("LR", "PA", "IS")]
    for order in permutations(range(3))
    for sides in product((0, 1), repeat=3)
]

shapes = st.tuples(*[st.integers(2, 9)] * 3)
spacings = st.tuples(*[st.floats(0.3, 12)] * 3)
turns = st.tuples(*[st.floats(-180, 180)] * 3)
orientations = st.sampled_from([None, *AXIS_CODES])
slice_axes = st.integers(0, 2)


def leaning(spacing_mm: tuple[float, float, float], degrees: tuple[float, float, float]) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix() * spacing_mm
    affine[:3, 3] = (-90, 12.5, 3)
    return affine


@given(shapes, spacings, turns, orientations, slice_axes)
def test_slices_put_together_are_the_volume_and_the_affine_stays(
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    degrees: tuple[float, float, float],
    orientation: str | None,
    slice_axis: int,
) -> None:
    affine = leaning(spacing_mm, degrees)
    before = affine.copy()
    grid = NativeGrid.of(shape, affine, Preprocessing(16, slice_axis, orientation))
    volume = np.arange(np.prod(shape)).reshape(shape)
    slices = grid.slices_of(volume)
    assert slices.shape == (grid.num_slices, *grid.slice_size)
    np.testing.assert_array_equal(grid.volume_of(slices), volume)
    np.testing.assert_array_equal(grid.affine, before)
    assert grid.spacing_mm == pytest.approx(spacing_mm)
    again = NativeGrid.from_document(grid.document())
    np.testing.assert_array_equal(again.affine, affine)
    np.testing.assert_array_equal(again.slices_of(volume), slices)


@given(shapes, spacings, turns, st.sampled_from(AXIS_CODES), slice_axes)
def test_slices_lie_as_nibabel_would_turn_the_scan(
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    degrees: tuple[float, float, float],
    orientation: str,
    slice_axis: int,
) -> None:
    affine = leaning(spacing_mm, degrees)
    volume = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    grid = NativeGrid.of(shape, affine, Preprocessing(16, slice_axis, orientation))
    scan = nibabel.Nifti1Image(volume, affine)
    turned = nibabel.orientations.ornt_transform(
        nibabel.io_orientation(affine), nibabel.orientations.axcodes2ornt(orientation)
    )
    upright = scan.as_reoriented(turned)
    assert "".join(aff2axcodes(upright.affine)) == orientation
    expected = np.moveaxis(np.asanyarray(upright.dataobj), slice_axis, 0)
    np.testing.assert_array_equal(grid.slices_of(volume), expected)
    in_plane = np.delete(voxel_sizes(upright.affine), slice_axis)
    assert grid.slice_spacing_mm == pytest.approx(tuple(in_plane))


def one_hot(labels: torch.Tensor) -> torch.Tensor:
    return F.one_hot(labels.long(), 5).movedim(-1, 1).float()


@given(
    arrays.arrays(
        np.uint8, st.tuples(st.integers(2, 6), st.integers(2, 6), st.integers(2, 6)), elements=st.integers(0, 4)
    ),
    turns,
    orientations,
    slice_axes,
    st.integers(3, 5),
)
def test_labels_survive_the_way_to_a_finer_grid_and_back(
    labels: np.ndarray, degrees: tuple[float, float, float], orientation: str | None, slice_axis: int, times: int
) -> None:
    image = np.arange(labels.size, dtype=np.float32).reshape(labels.shape)
    patient = Patient("a", image, labels, leaning((1, 2, 3), degrees))
    # A multiple of both sides: each voxel becomes a block of pixels, whose middle it takes back.
    size = times * int(
        np.lcm(*NativeGrid.of(labels.shape, patient.affine, Preprocessing(16, slice_axis, orientation)).slice_size)
    )
    slices = to_slices(patient, Preprocessing(size, slice_axis, orientation))
    seen = slices.label_tensor()
    assert seen is not None
    np.testing.assert_array_equal(to_native_grid(one_hot(seen), slices.grid), labels)


@given(shapes, st.integers(1, 12), slice_axes)
def test_a_crop_is_undone_where_it_kept_something(shape: tuple[int, int, int], crop: int, slice_axis: int) -> None:
    labels = np.ones(shape, np.uint8)
    image = np.arange(labels.size, dtype=np.float32).reshape(shape)
    slices = to_slices(Patient("a", image, labels, np.eye(4)), Preprocessing(crop, slice_axis, crop=crop))
    seen = slices.label_tensor()
    assert seen is not None
    back = to_native_grid(one_hot(seen), slices.grid)
    kept = [size if axis == slice_axis else min(size, crop) for axis, size in enumerate(shape)]
    assert back.shape == shape
    assert back.sum() == np.prod(kept)
    centre = tuple(size // 2 for size in shape)
    assert back[centre] == 1
