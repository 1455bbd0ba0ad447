from dataclasses import replace

import numpy as np
import pytest

from trimformer.data.brain.recipe import Recipe
from trimformer.data.brain.simulate import simulate_patient
from trimformer.data.brain.template import Anatomy
from trimformer.data.patient import Patient

STILL = Recipe(
    head_scale=(1.0, 1.0),
    warps=(),
    atrophy_mm=(0.0, 0.0),
    tilt_degrees=0.0,
    in_plane_mm=(1.5, 1.5),
    slice_mm=(4.0, 4.0),
    gamma=(1.0, 1.0),
    bias=0.0,
    noise=(0.0, 0.0),
    brightest=(1000.0, 1000.0),
)
"""Nothing is drawn: the anatomy is only cut into voxels."""

BALL_CENTRE = np.array([6.0, -4.0, 2.0])
CENTRE_MM = np.array([1.0, -17.0, 8.0])


def ball(radius: float = 12) -> Anatomy:
    axes = np.meshgrid(*(np.arange(48) - 23.5,) * 3, indexing="ij")
    inside = sum((axis - centre) ** 2 for axis, centre in zip(axes, BALL_CENTRE, strict=True)) < radius**2
    tissues = np.stack([inside * 0, inside, inside * 0]).astype(np.float32)
    direction = np.zeros((3, 48, 48, 48), np.float32)
    direction[0] = 1
    return Anatomy(inside * np.float32(0.6), tissues, direction, CENTRE_MM)


def centroid_mm(patient: Patient) -> np.ndarray:
    assert patient.labels is not None
    voxel = np.argwhere(patient.labels).mean(axis=0)
    return np.asarray(patient.affine[:3, :3] @ voxel + patient.affine[:3, 3])


def volume_mm3(patient: Patient) -> float:
    assert patient.labels is not None
    return float((patient.labels > 0).sum() * np.prod(patient.spacing_mm))


@pytest.mark.parametrize("tilt_degrees", [0.0, 8.0])
def test_a_ball_keeps_its_place_in_the_room_and_its_volume(tilt_degrees: float) -> None:
    patient = simulate_patient(ball(), "a", (0, 0), replace(STILL, tilt_degrees=tilt_degrees))
    np.testing.assert_allclose(patient.spacing_mm, (1.5, 1.5, 4), rtol=1e-6)
    np.testing.assert_allclose(centroid_mm(patient), CENTRE_MM + BALL_CENTRE, atol=0.2)
    assert volume_mm3(patient) == pytest.approx(4 / 3 * np.pi * 12**3, rel=0.04)


def test_a_larger_head_moves_away_from_the_centre_and_grows() -> None:
    patient = simulate_patient(ball(), "a", (0, 0), replace(STILL, head_scale=(1.2, 1.2)))
    np.testing.assert_allclose(centroid_mm(patient), CENTRE_MM + 1.2 * BALL_CENTRE, atol=0.2)
    assert volume_mm3(patient) == pytest.approx(4 / 3 * np.pi * (1.2 * 12) ** 3, rel=0.04)


def test_tissue_moves_against_the_direction_in_which_it_is_looked_up() -> None:
    patient = simulate_patient(ball(), "a", (0, 0), replace(STILL, atrophy_mm=(3.0, 3.0)))
    np.testing.assert_allclose(centroid_mm(patient), CENTRE_MM + BALL_CENTRE - [3, 0, 0], atol=0.2)


def test_a_tissue_is_one_whole_number_without_bias_and_noise() -> None:
    patient = simulate_patient(ball(), "a", (0, 0), STILL)
    assert patient.labels is not None
    assert np.median(patient.image[0][patient.labels == 2]) == 600
    np.testing.assert_array_equal(patient.image, patient.image.round())
    assert patient.image.max() == 600


def test_noise_has_the_given_deviation_and_stays_in_the_head() -> None:
    patient = simulate_patient(ball(20), "a", (0, 0), replace(STILL, noise=(0.05, 0.05)))
    core = patient.image[patient.image > 450]
    assert core.std() == pytest.approx(50, rel=0.1)
    assert patient.image[0, 0].max() == 0


def test_the_gamma_curve_darkens_what_is_not_brightest() -> None:
    anatomy = ball()
    anatomy.intensity[0, 0, 0] = 1  # the curve runs from the darkest to the brightest voxel
    patient = simulate_patient(anatomy, "a", (0, 0), replace(STILL, gamma=(2.0, 2.0)))
    assert patient.labels is not None
    assert np.median(patient.image[0][patient.labels == 2]) == pytest.approx(360, abs=1)


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, again, other = (simulate_patient(ball(), "a", seed, Recipe()) for seed in ((0, 1), (0, 1), (1, 1)))
    assert first.labels is not None
    assert again.labels is not None
    assert first.image.tobytes() == again.image.tobytes()
    assert first.labels.tobytes() == again.labels.tobytes()
    assert first.affine.tobytes() == again.affine.tobytes()
    assert first.spacing_mm != other.spacing_mm


def test_what_is_drawn_stays_in_the_recipe() -> None:
    recipe = Recipe()
    for index in range(5):
        patient = simulate_patient(ball(), "a", (0, index), recipe)
        row_mm, column_mm, slice_mm = patient.spacing_mm
        assert row_mm == pytest.approx(column_mm)
        assert recipe.in_plane_mm[0] <= row_mm <= recipe.in_plane_mm[1]
        assert recipe.slice_mm[0] <= slice_mm <= recipe.slice_mm[1]
        assert np.linalg.det(patient.affine[:3, :3]) > 0
