"""Blocks against Dice: what every criterion answers and loses over several sweeps, threshold by threshold."""

from collections.abc import Sequence

from trimformer.depth.criteria.catalogue import CRITERIA
from trimformer.depth.judgement.by_threshold import (
    mean_blocks,
    mean_regret,
    of_criterion,
    shared_thresholds,
    worst_regret,
)
from trimformer.records.judgement import BlocksAndRegret, JudgedSweep


def blocks_and_regret(sweeps: Sequence[JudgedSweep]) -> tuple[BlocksAndRegret, ...]:
    """Criterion by criterion, the thresholds that all judged sweeps have answers for, rising.

    The rule's are told without its gates.
    """
    return tuple(
        BlocksAndRegret(
            criterion=name,
            threshold=key,
            is_catalogues=key == criterion.threshold_key,
            blocks=mean_blocks(found, key),
            regret=mean_regret(found, key),
            worst_regret=worst_regret(found, key),
        )
        for name, criterion in CRITERIA.items()
        for found in [of_criterion(name, sweeps)]
        for key in sorted(shared_thresholds(found), key=float)
    )
