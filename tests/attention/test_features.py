from itertools import pairwise

import numpy as np
import pytest

from trimformer.attention.showing.features import principal_components


def test_components_are_eigenvectors_of_the_covariance_of_the_counted_patches() -> None:
    random = np.random.default_rng(0)
    states = random.normal(size=(2, 30, 5)) * [5, 3, 2, 1, 0.1]
    counted = random.random(30) < 0.7
    components, shares = principal_components(states, counted)
    for state, scores, share in zip(states, components, shares, strict=True):
        centred = state - state[counted].mean(axis=0)
        values, axes = np.linalg.eigh(np.cov(centred[counted].T))
        expected = centred @ axes[:, [-1, -2, -3]]
        np.testing.assert_allclose(np.abs(scores), np.abs(expected), atol=1e-9)
        np.testing.assert_allclose(share, values[[-1, -2, -3]] / values.sum())


def test_signs_are_decided_by_the_patches_alone() -> None:
    states = np.random.default_rng(1).normal(size=(3, 12, 4))
    counted = np.ones(12, dtype=bool)
    components, _ = principal_components(states, counted)
    largest = np.abs(components[0]).argmax(axis=0)
    assert (np.take_along_axis(components[0], largest[None], axis=0) > 0).all()
    for before, after in pairwise(components):
        assert ((before * after).sum(axis=0) > 0).all()
    mirrored, shares = principal_components(-states, counted)  # the same space with its axes turned round
    np.testing.assert_allclose(shares, principal_components(states, counted)[1])
    np.testing.assert_allclose(mirrored, components * np.sign((mirrored[0] * components[0]).sum(axis=0)))


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_missing_dimensions_are_zero(rank: int) -> None:
    states = np.zeros((1, 9, 6))
    states[0, :, :rank] = np.random.default_rng(2).normal(size=(9, rank))
    components, shares = principal_components(states, np.ones(9, dtype=bool))
    assert not components[..., rank:].any()
    assert not shares[..., rank:].any()
    np.testing.assert_allclose(shares.sum(), 1 if rank else 0)
