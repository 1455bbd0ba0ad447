"""Which depths are raced and for how many epochs, so that the race costs a small share of a sweep."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from trimformer.depth.race.cost import EpochCosts

SHARE = 0.15
"""Of the sweep's cost that a race may cost."""

ALWAYS = 3
"""The full depth, none and the proposed one are raced whatever they cost."""

WITHOUT_A_PROPOSAL = 1
"""The depth that is proposed where the criterion is inconclusive: zero, one and two blocks tell most verdicts apart."""


@dataclass(frozen=True)
class RacePlan:
    """The depths, rising, and the epochs of every round, after each of which losers are dropped."""

    depths: tuple[int, ...]
    rounds: tuple[int, ...]

    @property
    def epochs(self) -> int:
        """Of a depth that is not dropped."""
        return sum(self.rounds)


def candidates(proposed: int, full: int) -> tuple[int, ...]:
    """The full depth, none, the proposed one and its neighbours: the most important first.

    Example:
        >>> candidates(proposed=3, full=12), candidates(proposed=1, full=2)
        ((12, 0, 3, 2, 4), (2, 0, 1))
    """
    wanted = (full, 0, proposed, proposed - 1, proposed + 1)
    return tuple(dict.fromkeys(depth for depth in wanted if 0 <= depth <= full))


def plan_race(wanted: Sequence[int], costs: EpochCosts, epochs: int | None = None) -> RacePlan:
    """As many epochs as the budget holds, at most those of the run; where it holds none, neighbours are left out.

    Args:
        wanted: The depths, the most important first.
        costs: Of an epoch.
        epochs: So many whatever they cost; None: as many as the budget holds, or one.
    """
    depths = list(wanted)
    while epochs is None and len(depths) > ALWAYS and _affordable(depths, costs) == 0:
        depths.pop()
    total = epochs or max(1, _affordable(depths, costs))
    return RacePlan(tuple(sorted(depths)), _rounds(total))


def _affordable(depths: Sequence[int], costs: EpochCosts) -> int:
    """The most epochs that stay within the budget if no depth is dropped early."""
    sweep = costs.sweep()

    def share(epochs: int) -> float:
        return costs.race((of_round, depths) for of_round in _rounds(epochs)).as_share_of(sweep)

    return bisect_right(range(1, costs.epochs + 1), SHARE, key=share)


def _rounds(epochs: int) -> tuple[int, ...]:
    """Two halves, the second the longer one; a single epoch is one round."""
    first = epochs // 2
    return (first, epochs - first) if first else (epochs,)
