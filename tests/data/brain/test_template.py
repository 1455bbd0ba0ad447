import numpy as np

from trimformer.data.brain.template import sharpened, tissue_shares, towards


def test_tissue_shares_add_up_inside_the_head_and_the_rim_is_csf() -> None:
    head = np.array([[[True, True, True, False]]])
    brain = np.array([[[True, True, False, False]]])
    gray, white = np.array([[[0.7, 0.2, 0.5, 0.0]]]), np.array([[[0.1, 0.0, 0.5, 0.0]]])
    expected = [[0.2, 0.8, 1, 0], [0.7, 0.2, 0, 0], [0.1, 0, 0, 0]]
    np.testing.assert_allclose(tissue_shares(gray, white, brain, head)[:, 0, 0], expected, atol=1e-7)


def test_intensity_moves_halfway_to_the_mean_of_its_tissue() -> None:
    intensity = np.array([[[0.2, 0.4, 0.6, 0.9, 0.0, 0.0]]], np.float32)
    main = np.array([0, 0, 1, 2, 0, -1])  # the fifth voxel is rim, the sixth lies outside
    tissues = (np.arange(3)[:, None] == main).astype(np.float32)[:, None, None]
    brain = np.array([[[True, True, True, True, False, False]]])
    sharp = sharpened(intensity, tissues, brain)
    np.testing.assert_allclose(sharp[0, 0], [0.25, 0.35, 0.6, 0.9, 0.3, 0.0], atol=1e-6)


def test_the_direction_points_to_the_csf_from_both_sides() -> None:
    share = np.zeros((31, 9, 9), np.float32)
    share[15] = 1
    direction = towards(share)
    assert direction.shape == (3, 31, 9, 9)
    assert (direction[0, 10:15] > 0.3).all()
    assert (direction[0, 16:21] < -0.3).all()
    np.testing.assert_allclose(direction[1:], 0, atol=1e-5)
    assert np.linalg.norm(direction, axis=0).max() < 1
    assert np.abs(direction[0, [0, 30]]).max() < 0.05  # far away nothing pulls
