"""The rule as a criterion among the others."""

from trimformer.depth.criteria.criterion import Criterion, ModelMeasures
from trimformer.depth.rule import CRITERION, TAU, TAUS, choose_depth
from trimformer.records.depth import DepthChoice


def _by_the_rule(measures: ModelMeasures, criterion: Criterion) -> DepthChoice:
    return choose_depth(measures.profile, measures.receptive_field, tau=criterion.threshold)


RULE = Criterion(
    title=CRITERION,
    threshold=TAU,
    threshold_of="a far-field ratio of at least",
    others=TAUS,
    source="ours, after Hasany, Petitjean and Meriaudeau 2023, who judge it by eye; norms of Kobayashi et al. 2021",
    reads=("profile", "receptive_field"),
    decide=_by_the_rule,
)
