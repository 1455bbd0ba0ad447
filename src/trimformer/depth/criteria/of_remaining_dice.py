"""Criteria on the Dice that the trained model keeps when something is taken from it, without training again."""

from trimformer.depth.criteria.along_depths import Curve, along_depths, counting
from trimformer.depth.criteria.criterion import Criterion, ModelMeasures
from trimformer.depth.evidence import Estimate

OTHERS = (0.005, 0.01, 0.02, 0.05, 0.1)

NEAR_SIGHTED = 0.05
"""The loss of Dice from which on a block counts as one that has to look far; training again is to mend smaller ones.

It was chosen between what blocks of brains lose, which do well without (0.025 on average at most), and what needed
blocks of the phantom lose (0.13 at least). How, and what crossed it later: docs/does-the-attention-know.md.
"""


def _without_the_rest(measures: ModelMeasures) -> Curve:
    return Curve.of(measures.skipped_blocks.change, 0, "Change of Dice with the blocks after {depth} skipped")


def _with_the_next_near_sighted(measures: ModelMeasures) -> Curve:
    far_sight = measures.far_sight
    what = f"Change of Dice when block {{next}} alone sees no further than {far_sight.radius_mm:.3g} mm"
    return Curve.of(far_sight.change, 0, what)


def _loses_less(estimate: Estimate, threshold: float) -> bool:
    return estimate.low > -threshold


IDENTITY_ABLATION = Criterion(
    title="smallest depth at which skipping all later blocks costs the trained model no Dice",
    threshold=0.02,
    threshold_of="a lower bound above minus",
    others=OTHERS,
    source="Veit, Wilber and Belongie 2016: layers of a trained residual network deleted; for depth, ours",
    reads=("skipped_blocks",),
    decide=along_depths(_without_the_rest, _loses_less, ends=True),
)

CAUSAL_RADIUS = Criterion(
    title="last block whose far attention the Dice depends on",
    threshold=NEAR_SIGHTED,
    threshold_of="of that block and all later ones a lower bound above minus",
    others=OTHERS,
    source="ours: attention beyond a radius is masked in one block at a time",
    reads=("far_sight",),
    decide=along_depths(_with_the_next_near_sighted, _loses_less, lasting=True, ends=True),
)

FAR_SIGHTED = Criterion(
    title="number of blocks that have to look far for the Dice to remain",
    threshold=NEAR_SIGHTED,
    threshold_of="a lower bound above minus",
    others=OTHERS,
    source="ours: as causal-radius, but the blocks that lose Dice are counted, wherever they stand",
    reads=("far_sight",),
    decide=counting(_with_the_next_near_sighted, _loses_less),
)
