"""Which depths of a sweep are enough, and how sure that is."""

import numpy as np
from jaxtyping import Bool

from trimformer.depth.judgement.scores import Scores, estimated
from trimformer.metrics.crossed import crossed_mean
from trimformer.metrics.paired import MIN_PAIRS, paired_difference, verdict
from trimformer.records.judgement import JudgedDepth

RESAMPLES = 4000


def judged_depths(scores: Scores, margin: float) -> tuple[JudgedDepth, ...]:
    """Every depth with its Dice, how it compares with the full one, and its chances.

    Args:
        scores: Of the sweep.
        margin: The loss of Dice that does not matter.
    """
    enough, smallest = _chances(scores, margin)
    found = []
    for index, depth in enumerate(scores.depths):
        difference = paired_difference(scores.at(depth), scores.full)
        found.append(
            JudgedDepth(
                depth=depth,
                dice=estimated(crossed_mean(scores.at(depth))),
                dice_by_seed=dict(zip(scores.seeds, map(float, scores.at(depth).mean(axis=0)), strict=True)),
                minus_full=estimated(difference.estimate),
                verdict="full depth" if depth == scores.depths[-1] else verdict(difference, margin),
                chance_enough=enough[index],
                chance_smallest=smallest[index],
            )
        )
    return tuple(found)


def admissible(depths: tuple[JudgedDepth, ...]) -> tuple[int, ...]:
    """The full depth and all that are not inferior to it."""
    return tuple(each.depth for each in depths if each.verdict in {"not inferior", "full depth"})


def smallest_enough(depths: tuple[JudgedDepth, ...]) -> int | None:
    """The smallest admissible depth; None where the patients are too few to compare."""
    return None if any(each.verdict == "too few patients" for each in depths) else min(admissible(depths))


def _chances(scores: Scores, margin: float) -> tuple[list[float | None], list[float | None]]:
    """Of each depth: how often it is enough, and how often it is the smallest that is."""
    if scores.patients < MIN_PAIRS:
        return [None] * len(scores.depths), [None] * len(scores.depths)
    enough = _enough(scores, margin)
    first = enough.argmax(axis=1)
    smallest = [float((first == index).mean()) for index in range(len(scores.depths))]
    return [float(share) for share in enough.mean(axis=0)], list(smallest)


def _enough(scores: Scores, margin: float) -> Bool[np.ndarray, "resamples depths"]:
    """Whether each depth's mean loses no more than the margin, in resamples of patients and, apart, of seeds."""
    random = np.random.default_rng(0)
    weights = [
        random.multinomial(count, np.full(count, 1 / count), size=RESAMPLES) / count
        for count in (scores.patients, len(scores.seeds))
    ]
    differences = scores.dice - scores.full
    means = np.einsum("rp,dps,rs->rd", weights[0], differences, weights[1], optimize=True)
    enough: np.ndarray = means > -margin
    return enough
