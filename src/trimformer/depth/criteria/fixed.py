"""The paper's depth, whatever the model and the data: what every other criterion has to beat."""

from trimformer.depth.criteria.criterion import Criterion, ModelMeasures
from trimformer.records.depth import DepthChoice


def _the_same_for_all(measures: ModelMeasures, criterion: Criterion) -> DepthChoice:
    depth = min(int(criterion.threshold), measures.num_blocks)
    return DepthChoice(
        status="chosen",
        num_blocks=depth,
        reason=f"{depth} of {measures.num_blocks} blocks, without a look at anything.",
        criterion=criterion.title,
        evidence={"threshold": criterion.threshold, "gates": []},
        sensitivity={},
    )


FIXED = Criterion(
    title="three blocks",
    threshold=3.0,
    threshold_of="blocks:",
    others=(),
    source="Hasany, Petitjean and Meriaudeau 2023, for UNETR, CATS and TransUNet alike",
    reads=(),
    decide=_the_same_for_all,
)
