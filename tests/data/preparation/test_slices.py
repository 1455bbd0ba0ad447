import numpy as np
import pytest
import torch
import torch.nn.functional as F

from trimformer.data.patient import Patient
from trimformer.data.preparation.slices import SLICES_AT_ONCE, PatientSlices, to_native_grid, to_slices
from trimformer.data.preprocessing import Preprocessing
from trimformer.records.errors import UserError


def nested_ellipsoids(shape: tuple[int, int, int]) -> np.ndarray:
    axes = [np.linspace(-1, 1, count) for count in shape]
    radius = np.sqrt(sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij")))
    return ((radius < 0.9).astype(np.uint8) + (radius < 0.6) + (radius < 0.35)).astype(np.uint8)


def patient(shape: tuple[int, int, int]) -> Patient:
    labels = nested_ellipsoids(shape)
    noise = np.random.default_rng(0).normal(size=shape)
    return Patient("a", (labels * 100 + noise).astype(np.float32), labels, np.diag([1.5, 2.0, 4.0, 1.0]))


def dice(truth: np.ndarray, prediction: np.ndarray, label: int) -> float:
    a, b = truth == label, prediction == label
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def one_hot(slices: PatientSlices) -> torch.Tensor:
    labels = slices.label_tensor()
    assert labels is not None
    return F.one_hot(labels.long(), 4).movedim(-1, 1).float()


@pytest.mark.parametrize("slice_axis", [0, 1, 2])
def test_labels_survive_the_way_to_the_model_and_back(slice_axis: int) -> None:
    scan = patient((90, 101, 117))
    slices = to_slices(scan, Preprocessing(112, slice_axis))
    back = to_native_grid(one_hot(slices), slices.grid)
    assert back.dtype == np.uint8
    assert scan.labels is not None
    for label in (0, 1, 2, 3):
        assert dice(scan.labels, back, label) > 0.97


@pytest.mark.parametrize("slice_axis", [0, 1, 2])
def test_without_resizing_nothing_is_lost_in_any_chunk(slice_axis: int) -> None:
    shape = [24, 24, 24]
    shape[slice_axis] = 2 * SLICES_AT_ONCE + 1
    scan = patient((shape[0], shape[1], shape[2]))
    slices = to_slices(scan, Preprocessing(24, slice_axis))
    np.testing.assert_array_equal(to_native_grid(one_hot(slices), slices.grid), scan.labels)


def test_the_whole_volume_has_zero_mean_and_unit_deviation() -> None:
    slices = to_slices(patient((16, 16, 7)), Preprocessing(16))
    assert slices.images.shape == (7, 1, 16, 16)
    assert slices.images.dtype == np.float16
    images = slices.image_tensor()
    assert images.dtype == torch.float32
    assert images.mean().item() == pytest.approx(0, abs=1e-4)
    assert images.std(correction=0).item() == pytest.approx(1, abs=1e-4)


def test_each_channel_is_normalised_by_itself() -> None:
    random = np.random.default_rng(0)
    image = np.stack([random.normal(5, 1, (8, 8, 3)), random.normal(-100, 30, (8, 8, 3))]).astype(np.float32)
    images = to_slices(Patient("a", image, None, np.eye(4)), Preprocessing(8)).image_tensor()
    assert images.shape == (3, 2, 8, 8)
    np.testing.assert_allclose(images.mean(dim=(0, 2, 3)), 0, atol=1e-3)
    expected = (image[1] - image[1].mean()) / image[1].std()
    np.testing.assert_allclose(images[:, 1].permute(1, 2, 0), expected, atol=2e-3)


def test_clipping_comes_before_the_statistics() -> None:
    image = np.array([-1000, -100, 0, 100, 200, 3000], np.float32).reshape(1, 6, 1) * np.ones((6, 1, 1), np.float32)
    images = to_slices(Patient("ct", image, None, np.eye(4)), Preprocessing(6, clip=(-125.0, 275.0))).images
    clipped = np.array([-125, -100, 0, 100, 200, 275])
    np.testing.assert_allclose(images[0, 0, 3], (clipped - clipped.mean()) / clipped.std(), atol=1e-3)


def test_an_image_outside_the_clip_is_told_from_a_constant_one() -> None:
    image = np.arange(300, 364, dtype=np.float32).reshape(4, 4, 4)
    with pytest.raises(UserError, match="between -125 and 275; found a, channel 0"):
        to_slices(Patient("a", image, None, np.eye(4)), Preprocessing(4, clip=(-125.0, 275.0)))


def test_a_crop_keeps_the_middle_and_the_way_back_puts_background_around_it() -> None:
    labels = np.zeros((10, 8, 2), np.uint8)
    labels[3:7, 2:6, 1] = 1
    labels[0, 0, 0] = 1  # outside the crop
    image = np.random.default_rng(0).normal(size=labels.shape).astype(np.float32)
    slices = to_slices(Patient("a", image, labels, np.eye(4)), Preprocessing(4, crop=4))
    assert slices.labels is not None
    np.testing.assert_array_equal(slices.labels[1], np.ones((4, 4)))
    expected = ((image - image.mean()) / image.std())[3:7, 2:6, 0]
    np.testing.assert_allclose(slices.images[0, 0], expected, atol=2e-3)
    back = to_native_grid(one_hot(slices), slices.grid)
    kept = labels.copy()
    kept[0, 0, 0] = 0
    np.testing.assert_array_equal(back, kept)


def test_a_slice_smaller_than_its_crop_is_padded_with_the_lowest_value() -> None:
    labels = nested_ellipsoids((5, 12, 3))
    image = np.random.default_rng(0).normal(size=labels.shape).astype(np.float32)
    slices = to_slices(Patient("a", image, labels, np.diag([2.0, 2, 5, 1])), Preprocessing(8, crop=8))
    assert slices.images[0, 0, [0, 6, 7]] == pytest.approx(slices.images[0, 0, 0, 0])
    assert slices.images[0, 0, 0, 0] == pytest.approx((image.min() - image.mean()) / image.std(), abs=2e-3)
    assert slices.labels is not None
    assert not slices.labels[:, [0, 6, 7]].any()
    assert slices.spacing_mm == (2.0, 2.0)
    back = to_native_grid(one_hot(slices), slices.grid)
    np.testing.assert_array_equal(back[:, 2:10], labels[:, 2:10])
    assert not back[:, [0, 1, 10, 11]].any()


def test_a_turned_volume_is_seen_upright_and_put_back_as_it_was() -> None:
    labels = np.zeros((4, 6, 8), np.uint8)
    labels[0, 5, 1] = 1  # its left, anterior, inferior corner under this affine
    affine = np.array([[0, 0, -3.0, 0], [1, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 1]])  # axes A, S, L
    image = np.random.default_rng(0).normal(size=labels.shape).astype(np.float32)
    slices = to_slices(Patient("a", image, labels, affine), Preprocessing(16, orientation="RAS"))
    # RAS: first axis from stored axis 2 reversed (8), second from axis 0 (4), slices along stored axis 1 (6).
    assert slices.images.shape == (6, 1, 16, 16)
    assert slices.grid.slice_size == (8, 4)
    assert slices.grid.slice_spacing_mm == (3.0, 1.0)
    upright = slices.grid.slices_of(labels)
    assert upright[5, 6, 0] == 1
    assert upright.sum() == 1
    np.testing.assert_array_equal(slices.grid.volume_of(upright), labels)


def test_a_ramp_is_resized_between_pixel_centres() -> None:
    ramp = np.broadcast_to(np.arange(8, dtype=np.float32)[:, None, None], (8, 6, 2)).copy()
    images = to_slices(Patient("a", ramp, None, np.eye(4)), Preprocessing(16)).images
    centres = np.clip((np.arange(16) + 0.5) / 2 - 0.5, 0, 7)  # border pixels repeat the edge
    expected = (centres - 3.5) / np.arange(8).std()
    np.testing.assert_allclose(images[0, 0, :, 5], expected, atol=1e-3)


def test_shrinking_averages_instead_of_skipping() -> None:
    checkerboard = (np.indices((32, 32, 1)).sum(axis=0) % 2).astype(np.float32)
    images = to_slices(Patient("a", checkerboard, None, np.eye(4)), Preprocessing(8)).images
    assert np.abs(images[0, 0, 1:-1, 1:-1]).max() < 0.05


def test_labels_take_the_nearest_pixel_centre() -> None:
    labels = np.arange(6, dtype=np.uint8)[:, None, None] * np.ones((1, 6, 1), np.uint8)
    slices = to_slices(Patient("a", labels.astype(np.float32), labels, np.eye(4)), Preprocessing(2))
    assert slices.labels is not None
    assert slices.labels[0, :, 0].tolist() == [1, 4]  # centres 1.0 and 4.0 of the six rows


@pytest.mark.parametrize(
    ("slice_axis", "spacing_mm"),
    [(0, (2.0 * 20 / 16, 4.0 * 30 / 16)), (1, (1.5 * 10 / 16, 4.0 * 30 / 16)), (2, (1.5 * 10 / 16, 2.0 * 20 / 16))],
)
def test_spacing_is_that_of_the_resized_pixels(slice_axis: int, spacing_mm: tuple[float, float]) -> None:
    assert to_slices(patient((10, 20, 30)), Preprocessing(16, slice_axis)).spacing_mm == pytest.approx(spacing_mm)


@pytest.mark.parametrize("value", [3.0, np.nan, np.inf])
def test_an_image_that_cannot_be_normalised_is_refused(value: float) -> None:
    image = np.full((4, 4, 4), value, np.float32)
    with pytest.raises(UserError, match="finite values that differ"), np.errstate(invalid="ignore"):
        to_slices(Patient("a", image, None, np.eye(4)), Preprocessing(4))
