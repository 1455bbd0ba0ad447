"""Which depths of a sweep are enough, and how sure that is."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from trimformer.depth.judgement.scores import Scores, estimated
from trimformer.evaluation.compare import MARGINS
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
    chances = _chances(scores, margin)
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
                **chances[index],
            )
        )
    return tuple(found)


def admissible(depths: tuple[JudgedDepth, ...]) -> tuple[int, ...]:
    """The full depth and all that are not inferior to it."""
    return tuple(each.depth for each in depths if each.verdict in {"not inferior", "full depth"})


def smallest_enough(depths: tuple[JudgedDepth, ...]) -> int | None:
    """The smallest admissible depth; None where the patients are too few to compare."""
    return None if any(each.verdict == "too few patients" for each in depths) else min(admissible(depths))


def _chances(scores: Scores, margin: float) -> list[dict[str, Any]]:
    """Of each depth: how often it is enough, at other margins too, and how often it is the smallest that is."""
    if scores.patients < MIN_PAIRS:
        return [{"chance_enough": None, "chance_smallest": None}] * len(scores.depths)
    losses = _resampled_losses(scores)
    smallest = (losses < margin).argmax(axis=1)
    return [
        {
            "chance_enough": _share(losses[:, index] < margin),
            "chance_smallest": _share(smallest == index),
            "enough_at": {f"{value:g}": _share(losses[:, index] < value) for value in MARGINS},
        }
        for index in range(len(scores.depths))
    ]


def _resampled_losses(scores: Scores) -> Float[np.ndarray, "resamples depths"]:
    """What each depth's mean loses on the full one, in resamples of patients and, apart, of seeds."""
    random = np.random.default_rng(0)
    weights = [
        random.multinomial(count, np.full(count, 1 / count), size=RESAMPLES) / count
        for count in (scores.patients, len(scores.seeds))
    ]
    losses = scores.full - scores.dice
    means: np.ndarray = np.einsum("rp,dps,rs->rd", weights[0], losses, weights[1], optimize=True)
    return means


def _share(of: Bool[np.ndarray, " resamples"]) -> float:
    return float(of.mean())
