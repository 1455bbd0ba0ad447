"""The criteria that can be asked for by name: one list."""

from trimformer.depth.criteria.criterion import Criterion
from trimformer.depth.criteria.fixed import FIXED
from trimformer.depth.criteria.of_attention import DISTANCE, ENTROPY
from trimformer.depth.criteria.of_remaining_dice import CAUSAL_RADIUS, FAR_SIGHTED, IDENTITY_ABLATION
from trimformer.depth.criteria.of_states import BLOCK_INFLUENCE, CKA
from trimformer.depth.criteria.of_the_field import RULE
from trimformer.records.errors import UserError

DEFAULT = "far-sighted"

CRITERIA: dict[str, Criterion] = {
    DEFAULT: FAR_SIGHTED,
    "rule": RULE,
    "distance": DISTANCE,
    "entropy": ENTROPY,
    "cka": CKA,
    "block-influence": BLOCK_INFLUENCE,
    "identity-ablation": IDENTITY_ABLATION,
    "causal-radius": CAUSAL_RADIUS,
    "fixed": FIXED,
}
"""Name -> criterion, the default first. A new one is a `Criterion` in a file of this room and a line here."""


def criterion_named(name: str) -> Criterion:
    """The criterion of that name.

    Raises:
        UserError: There is none.
    """
    if name not in CRITERIA:
        raise UserError("A criterion is one of the catalogue", repr(name), f"Valid names: {', '.join(CRITERIA)}.")
    return CRITERIA[name]
