"""Thresholds fitted with one task or one model left out, and what they cost on the one that was left out."""

from collections.abc import Iterator, Sequence
from typing import Literal

from trimformer.depth.criteria.catalogue import CRITERIA
from trimformer.depth.judgement.by_threshold import (
    ByThreshold,
    mean_blocks,
    mean_regret,
    of_criterion,
    shared_thresholds,
    worst_regret,
)
from trimformer.records.judgement import JudgedSweep, LeftOut

TOLERATED = 0.01
"""The regret, in Dice, that a fitted threshold may have on any sweep that it is fitted on."""


def fitted_without(sweeps: Sequence[JudgedSweep]) -> tuple[LeftOut, ...]:
    """For each task and each model, every criterion's threshold that does best on the sweeps of all others.

    Best is the one that keeps the fewest blocks, each sweep counting as much as another, of those whose regret is above
    `TOLERATED` on none of them; where there is none, the one whose worst regret is smallest. Of equal thresholds it is
    the one nearest to the catalogue's. Empty with one task and one model.

    Args:
        sweeps: Of one study or of several; those that could not be judged are passed over.
    """
    judged = [sweep for sweep in sweeps if sweep.criteria]
    return tuple(row for kind in ("task", "model") for row in _by(kind, judged))


def _by(kind: Literal["task", "model"], sweeps: Sequence[JudgedSweep]) -> Iterator[LeftOut]:
    for name in dict.fromkeys(getattr(sweep, kind) for sweep in sweeps):
        for criterion in CRITERIA:
            inside = of_criterion(criterion, [sweep for sweep in sweeps if getattr(sweep, kind) == name])
            others = of_criterion(criterion, [sweep for sweep in sweeps if getattr(sweep, kind) != name])
            own = CRITERIA[criterion].threshold_key
            shared = shared_thresholds([*inside, *others])
            if not inside or not others or own not in shared:
                continue
            best = min(shared, key=lambda key: (*_badness(others, key), abs(float(key) - float(own))))
            yield LeftOut(
                left_out=name,
                kind=kind,
                criterion=criterion,
                threshold=best,
                worst_of_others=worst_regret(others, best),
                regret=mean_regret(inside, best),
                blocks=mean_blocks(inside, best),
                regret_of_default=mean_regret(inside, own),
                blocks_of_default=mean_blocks(inside, own),
            )


def _badness(found: Sequence[ByThreshold], key: str) -> tuple[bool, float]:
    """Smaller is better: blocks where no sweep's regret is too much, else the worst regret."""
    worst = worst_regret(found, key)
    return (True, round(worst, 9)) if worst > TOLERATED else (False, round(mean_blocks(found, key), 9))
