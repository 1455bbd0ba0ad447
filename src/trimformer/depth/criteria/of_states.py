"""Criteria on how much the token states change from block to block."""

from trimformer.depth.criteria.along_depths import Curve, along_depths, reaches
from trimformer.depth.criteria.criterion import Criterion, ModelMeasures
from trimformer.depth.evidence import Estimate


def _cka_with_the_end(measures: ModelMeasures) -> Curve:
    values = measures.similarity.measures["foreground/cka"][:, :-1, -1]
    return Curve.of(values, 0, "CKA of the tokens after {depth} blocks with those after the last")


def _influence_of_the_next(measures: ModelMeasures) -> Curve:
    values = measures.similarity.measures["foreground/block_influence"]
    return Curve.of(values, 0, "Influence of block {next}")


def _stays_below(estimate: Estimate, threshold: float) -> bool:
    return estimate.high < threshold


CKA = Criterion(
    title="first depth from which on the tokens are as they are after the last block",
    threshold=0.9,
    threshold_of="there and at all later depths a lower bound of at least",
    others=(0.7, 0.8, 0.85, 0.9, 0.95, 0.98),
    source="Nguyen, Raghu and Kornblith 2021 (equation 3), debiased linear CKA; the threshold is ours",
    reads=("similarity",),
    decide=along_depths(_cka_with_the_end, reaches, lasting=True, ends=True),
)

BLOCK_INFLUENCE = Criterion(
    title="first depth after which no block turns the tokens noticeably",
    threshold=0.1,
    threshold_of="of that block and all later ones an upper bound below",
    others=(0.02, 0.05, 0.1, 0.15, 0.2, 0.3),
    source="Men et al. 2024, ShortGPT (equation 1), 1 - cos; the threshold is ours, they remove a number of blocks",
    reads=("similarity",),
    decide=along_depths(_influence_of_the_next, _stays_below, lasting=True, ends=True),
)
