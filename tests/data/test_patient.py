import numpy as np
import pytest

from trimformer.data.patient import Patient
from trimformer.records.errors import UserError

IMAGE = np.zeros((3, 4, 5), np.float32)


def test_spacing_is_the_length_of_the_affines_columns() -> None:
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0, 0, 3], [-1.5, 0, 0], [0, 2, 0]])  # axes swapped and one flipped
    assert Patient("a", IMAGE, None, affine).spacing_mm == (1.5, 2.0, 3.0)


def test_spacing_does_not_change_when_the_scan_leans() -> None:
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0.6, -0.8, 0], [0.8, 0.6, 0], [0, 0, 1]]) * [1.5, 1.5, 4]
    np.testing.assert_allclose(Patient("a", IMAGE, None, affine).spacing_mm, (1.5, 1.5, 4))


@pytest.mark.parametrize(
    ("image", "labels", "affine", "found"),
    [
        (IMAGE[None, None], None, np.eye(4), "(1, 1, 3, 4, 5)"),
        (IMAGE, np.zeros((3, 4, 6), np.uint8), np.eye(4), "(3, 4, 6)"),
        (IMAGE, None, np.eye(3), "(3, 3)"),
    ],
)
def test_what_cannot_belong_together_is_refused(
    image: np.ndarray, labels: np.ndarray | None, affine: np.ndarray, found: str
) -> None:
    with pytest.raises(UserError) as error:
        Patient("a", image, labels, affine)
    assert found in error.value.found
