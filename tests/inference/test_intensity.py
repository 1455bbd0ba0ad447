import numpy as np

from trimformer.data.patient import Patient
from trimformer.inference.intensity import predict_by_intensity


def made(means: tuple[float, float, float], order: np.random.Generator) -> Patient:
    labels = np.zeros((20, 20, 10), np.uint8)
    labels[2:18] = order.integers(1, 4, size=(16, 20, 10))
    image = np.array([0.0, *means])[labels] + order.normal(scale=2, size=labels.shape)
    return Patient("a", image.astype(np.float32), labels, np.eye(4))


def test_tissues_that_intensity_separates_are_found() -> None:
    patient = made((50, 100, 150), np.random.default_rng(0))
    np.testing.assert_array_equal(predict_by_intensity(patient), patient.labels)


def test_the_darkest_component_is_called_csf_whatever_it_is() -> None:
    patient = made((150, 100, 50), np.random.default_rng(0))
    assert patient.labels is not None
    expected = np.array([0, 3, 2, 1], np.uint8)[patient.labels]
    np.testing.assert_array_equal(predict_by_intensity(patient), expected)


def test_the_seed_decides_and_the_scan_is_left_as_it_was() -> None:
    patient = made((80, 90, 100), np.random.default_rng(0))
    before = patient.image.copy()
    first, again = (predict_by_intensity(patient, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(patient.image, before)
    assert first.dtype == np.uint8
