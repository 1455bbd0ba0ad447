import numpy as np
import pytest
import torch
import torch.nn.functional as F

from trimformer.data.patient import Patient
from trimformer.data.slices import SLICES_AT_ONCE, to_native_grid, to_slices
from trimformer.records.errors import UserError


def nested_ellipsoids(shape: tuple[int, int, int]) -> np.ndarray:
    axes = [np.linspace(-1, 1, count) for count in shape]
    radius = np.sqrt(sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij")))
    return ((radius < 0.9).astype(np.uint8) + (radius < 0.6) + (radius < 0.35)).astype(np.uint8)


def patient(shape: tuple[int, int, int], slice_axis: int = 2) -> Patient:
    labels = nested_ellipsoids(shape)
    noise = np.random.default_rng(0).normal(size=shape)
    return Patient("a", (labels * 100 + noise).astype(np.float32), labels, np.diag([1.5, 2.0, 4.0, 1.0]), slice_axis)


def dice(truth: np.ndarray, prediction: np.ndarray, label: int) -> float:
    a, b = truth == label, prediction == label
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def one_hot(labels: torch.Tensor) -> torch.Tensor:
    return F.one_hot(labels.long(), 4).movedim(-1, 1).float()


@pytest.mark.parametrize("slice_axis", [0, 1, 2])
def test_labels_survive_the_way_to_the_model_and_back(slice_axis: int) -> None:
    scan = patient((90, 101, 117), slice_axis)
    slices = to_slices(scan, 112)
    assert slices.labels is not None
    back = to_native_grid(one_hot(slices.labels), scan)
    assert back.dtype == np.uint8
    assert scan.labels is not None
    for label in (0, 1, 2, 3):
        assert dice(scan.labels, back, label) > 0.97


@pytest.mark.parametrize("slice_axis", [0, 1, 2])
def test_without_resizing_nothing_is_lost_in_any_chunk(slice_axis: int) -> None:
    shape = [24, 24, 24]
    shape[slice_axis] = 2 * SLICES_AT_ONCE + 1
    scan = patient((shape[0], shape[1], shape[2]), slice_axis)
    slices = to_slices(scan, 24)
    assert slices.labels is not None
    np.testing.assert_array_equal(to_native_grid(one_hot(slices.labels), scan), scan.labels)


def test_the_whole_volume_has_zero_mean_and_unit_deviation() -> None:
    images = to_slices(patient((16, 16, 7)), 16).images
    assert images.shape == (7, 1, 16, 16)
    assert images.dtype == torch.float32
    assert images.mean().item() == pytest.approx(0, abs=1e-6)
    assert images.std(correction=0).item() == pytest.approx(1, abs=1e-5)


def test_a_ramp_is_resized_between_pixel_centres() -> None:
    ramp = np.broadcast_to(np.arange(8, dtype=np.float32)[:, None, None], (8, 6, 2)).copy()
    images = to_slices(Patient("a", ramp, None, np.eye(4)), 16).images
    centres = np.clip((np.arange(16) + 0.5) / 2 - 0.5, 0, 7)  # border pixels repeat the edge
    expected = (centres - 3.5) / np.arange(8).std()
    np.testing.assert_allclose(images[0, 0, :, 5], expected, atol=1e-5)


def test_shrinking_averages_instead_of_skipping() -> None:
    checkerboard = (np.indices((32, 32, 1)).sum(axis=0) % 2).astype(np.float32)
    images = to_slices(Patient("a", checkerboard, None, np.eye(4)), 8).images
    assert images[0, 0, 1:-1, 1:-1].abs().max() < 0.05


def test_labels_take_the_nearest_pixel_centre() -> None:
    labels = np.arange(6, dtype=np.uint8)[:, None, None] * np.ones((1, 6, 1), np.uint8)
    slices = to_slices(Patient("a", labels.astype(np.float32), labels, np.eye(4)), 2)
    assert slices.labels is not None
    assert slices.labels[0, :, 0].tolist() == [1, 4]  # centres 1.0 and 4.0 of the six rows


@pytest.mark.parametrize(
    ("slice_axis", "spacing_mm"),
    [(0, (2.0 * 20 / 16, 4.0 * 30 / 16)), (1, (1.5 * 10 / 16, 4.0 * 30 / 16)), (2, (1.5 * 10 / 16, 2.0 * 20 / 16))],
)
def test_spacing_is_that_of_the_resized_pixels(slice_axis: int, spacing_mm: tuple[float, float]) -> None:
    assert to_slices(patient((10, 20, 30), slice_axis), 16).spacing_mm == pytest.approx(spacing_mm)


@pytest.mark.parametrize("value", [3.0, np.nan, np.inf])
def test_an_image_that_cannot_be_normalised_is_refused(value: float) -> None:
    image = np.full((4, 4, 4), value, np.float32)
    with pytest.raises(UserError, match="finite values that differ"), np.errstate(invalid="ignore"):
        to_slices(Patient("a", image, None, np.eye(4)), 4)
