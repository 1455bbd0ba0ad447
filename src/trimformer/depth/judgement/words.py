"""What a judged sweep says, in sentences that claim no more than the intervals carry."""

from collections.abc import Iterator, Sequence

from trimformer.records.judgement import Estimated, JudgedCriterion, JudgedDepth

TOO_MUCH = 0.03
"""A mean loss of Dice that an interval has to exclude before a criterion's choice counts as harmless."""


def verdict_in_words(
    criteria: Sequence[JudgedCriterion],
    default: str,
    smallest: int | None,
    depths: Sequence[JudgedDepth],
    margin: float,
) -> str:
    """The default criterion's regret, the depth that was enough, and which criteria are shown to do better or worse.

    Args:
        criteria: All that were asked.
        default: The name of the one that the others are held against.
        smallest: The smallest depth that is enough; None where the patients are too few to tell anything.
        depths: Of the sweep, rising.
        margin: The loss of Dice that does not matter.
    """
    own = next(each for each in criteria if each.criterion == default)
    if smallest is None:
        mean = f"{own.regret.mean:.3f}".replace("-", "−")
        return (
            f"{default}: regret {mean}. From so few patients nothing is excluded, which depth is enough "
            "cannot be said, and no criterion is shown to choose better or worse."
        )
    return " ".join((_regret(own), _enough(smallest, depths, margin), *_others(criteria, default)))


def numbers(estimate: Estimated) -> str:
    """A mean with its interval.

    Example:
        >>> numbers(Estimated(mean=0.004, ci95=(-0.001, 0.011)))
        '0.004 (95 % −0.001 to 0.011)'
    """
    bounds = "no interval" if estimate.ci95 is None else f"95 % {estimate.ci95[0]:.3f} to {estimate.ci95[1]:.3f}"
    return f"{estimate.mean:.3f} ({bounds})".replace("-", "−")


def _regret(own: JudgedCriterion) -> str:
    words = f"{own.criterion}: regret {numbers(own.regret)}, {_excluded(own.regret)}"
    if own.inconclusive:
        told = sum(answer is None for answer in own.answers.values())
        words += f"; inconclusive, and so the full depth, with {told} of {len(own.answers)} seeds"
    return f"{words}."


def _excluded(regret: Estimated) -> str:
    if regret.ci95 is None:
        return "and nothing is excluded"
    low, high = regret.ci95
    if high < TOO_MUCH:
        return f"{TOO_MUCH:g} excluded"
    return f"more than {TOO_MUCH:g} shown" if low > TOO_MUCH else f"{TOO_MUCH:g} not excluded"


def _enough(smallest: int, depths: Sequence[JudgedDepth], margin: float) -> str:
    full = depths[-1].depth
    if smallest == full:
        return f"No depth below {full} is shown to be enough (margin {margin:g})."
    chance = next(each.chance_smallest for each in depths if each.depth == smallest)
    return (
        f"The smallest depth shown to be not inferior to {full} is {smallest} (margin {margin:g}; "
        f"in {chance or 0:.0%} of resamples it is the smallest that is enough)."
    )


def _others(criteria: Sequence[JudgedCriterion], default: str) -> Iterator[str]:
    others = [each for each in criteria if each.criterion != default]
    better = [each.criterion for each in others if each.minus_default.ci95 and each.minus_default.ci95[0] > 0]
    worse = [each.criterion for each in others if each.minus_default.ci95 and each.minus_default.ci95[1] < 0]
    yield f"Shown to choose better than {default}: {', '.join(better) or 'none'};"
    yield f"worse: {', '.join(worse) or 'none'} (each at its own 95 %)."
