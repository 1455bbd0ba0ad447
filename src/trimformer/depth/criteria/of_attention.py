"""Criteria on what the attention of each block looks like by itself."""

from functools import partial

import numpy as np

from trimformer.depth.criteria.along_depths import Curve, along_depths, reaches
from trimformer.depth.criteria.criterion import Criterion, ModelMeasures
from trimformer.depth.evidence import per_patient

OTHERS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def _of_heads(measure: str, what: str, measures: ModelMeasures) -> Curve:
    """The mean over the heads of each block, between foreground patches."""
    values = measures.profile.model[f"foreground/{measure}"]
    by_block = np.stack([per_patient(values, block) for block in range(values.shape[1])], axis=1)
    return Curve.of(by_block, 1, what)


DISTANCE = Criterion(
    title="first block whose mean attention distance is near that of uniform attention",
    threshold=0.58,
    threshold_of="a lower bound of at least",
    others=OTHERS,
    source="Dosovitskiy et al. 2021 (figure 7): mean attention distance; over that of uniform attention, ours",
    reads=("profile",),
    decide=along_depths(partial(_of_heads, "distance_ratio", "Distance ratio of block {depth}"), reaches),
)
"""0.58 is halfway between attention that is Gaussian with a width of one token (0.16) and uniform attention (1)."""

ENTROPY = Criterion(
    title="first block whose attention is spread nearly as evenly as uniform attention",
    threshold=0.75,
    threshold_of="a lower bound of at least",
    others=OTHERS,
    source="Clark et al. 2019 measure the entropy of heads; over log N, and as a criterion, ours",
    reads=("profile",),
    decide=along_depths(partial(_of_heads, "entropy", "Entropy of block {depth}"), reaches),
)
"""0.75 is halfway between attention that is Gaussian with a width of one token (0.50) and uniform attention (1)."""
