"""Token states between the blocks, as the three numbers a patch that can be shown as a colour."""

import numpy as np
from jaxtyping import Bool, Float

NUM_COMPONENTS = 3


def principal_components(
    states: Float[np.ndarray, "layers patches width"], counted: Bool[np.ndarray, " patches"]
) -> tuple[Float[np.ndarray, "layers patches components"], Float[np.ndarray, "layers components"]]:
    """The first three principal components of every layer's patches, and their shares of the variance.

    The axes are those of the `counted` patches alone, centred; the other patches are projected on them. A component's
    sign is free: in the first layer its largest entry is positive, afterwards it goes with the layer before, so that
    colours do not jump. Where the patches span fewer than three dimensions, the missing components are 0.

    Args:
        states: One vector a patch, layer by layer.
        counted: The patches that the axes are fitted to; at least one.
    """
    components = np.zeros((*states.shape[:2], NUM_COMPONENTS))
    shares = np.zeros((len(states), NUM_COMPONENTS))
    for layer, state in enumerate(states.astype(np.float64)):
        centred = state - state[counted].mean(axis=0)
        _, singular, axes = np.linalg.svd(centred[counted], full_matrices=False)
        rank = min(NUM_COMPONENTS, int((singular > singular.max(initial=0) * 1e-9).sum()))
        scores = centred @ axes[:rank].T
        # Before the first layer stand zeros, which agree with no sign.
        components[layer, :, :rank] = scores * _signs(scores[counted], components[layer - 1, counted, :rank])
        shares[layer, :rank] = singular[:rank] ** 2 / max(float((singular**2).sum()), 1e-300)
    return components, shares


def _signs(scores: np.ndarray, before: np.ndarray) -> np.ndarray:
    """What turns each component along the one before it, or its largest entry to the positive side."""
    agreement = (scores * before).sum(axis=0)
    largest = np.take_along_axis(scores, np.abs(scores).argmax(axis=0)[None], axis=0)[0]
    return np.where(np.where(agreement == 0, largest, agreement) < 0, -1.0, 1.0)
