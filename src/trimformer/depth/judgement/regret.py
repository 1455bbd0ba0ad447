"""What it costs in Dice to keep the depth that a criterion chooses, and not the best one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from trimformer.depth.criteria.catalogue import CRITERIA
from trimformer.depth.judgement.cost import Spent
from trimformer.depth.judgement.enough import smallest_enough
from trimformer.depth.judgement.scores import Scores, estimated
from trimformer.metrics.crossed import crossed_mean
from trimformer.records.depth import DepthChoice
from trimformer.records.judgement import AtThreshold, Estimated, JudgedCriterion, JudgedDepth

Answers = Mapping[int, int | None]
"""A number of blocks for each seed; None is inconclusive."""


@dataclass(frozen=True)
class Truth:
    """What a sweep has shown, to hold answers against."""

    scores: Scores
    depths: tuple[JudgedDepth, ...]
    needed: int | None
    """By construction, where somebody knows it."""

    def blocks(self, answers: Answers) -> list[int]:
        """Inconclusive counts as the full depth: nobody would cut on such an answer."""
        full = self.scores.depths[-1]
        return [full if answers[seed] is None else min(answers[seed] or 0, full) for seed in self.scores.seeds]

    def kept(self, answers: Answers) -> dict[int, int]:
        """The smallest trained depth at each answer or above."""
        blocks = zip(self.scores.seeds, self.blocks(answers), strict=True)
        return {seed: min(depth for depth in self.scores.depths if depth >= answer) for seed, answer in blocks}

    def regret(self, answers: Answers) -> np.ndarray:
        """Dice of the best depth minus that of the depth kept, (patients, seeds).

        The best depth is the one with the best mean on these same patients, so that its mean is rather too high, and so
        is the regret.
        """
        return self.scores.at(self.scores.best) - self.scores.kept(self.kept(answers))


def judged_criterion(
    name: str, choices: Mapping[int, DepthChoice], default: Mapping[int, DepthChoice], truth: Truth, spent: Spent
) -> JudgedCriterion:
    """Hold one criterion's answers against the truth.

    Args:
        name: Of the criterion.
        choices: Its choice for the deepest run of every seed.
        default: The default criterion's.
        truth: What the sweep has shown.
        spent: What measuring took.
    """
    answers = {seed: choices[seed].num_blocks for seed in truth.scores.seeds}
    kept = truth.kept(answers)
    dice = truth.scores.kept(kept)
    of_default = truth.scores.kept(truth.kept({seed: default[seed].num_blocks for seed in truth.scores.seeds}))
    smallest, chances = smallest_enough(truth.depths), {each.depth: each.chance_enough for each in truth.depths}
    off = None if smallest is None else [abs(answer - smallest) for answer in truth.blocks(answers)]
    return JudgedCriterion(
        criterion=name,
        answers=answers,
        kept=kept,
        inconclusive=float(np.mean([answer is None for answer in answers.values()])),
        regret=_mean(truth.regret(answers)),
        minus_full=_mean(dice - truth.scores.full),
        minus_default=_mean(dice - of_default),
        blocks_off=None if off is None else float(np.mean(off)),
        within_one=None if smallest is None else _within_one(truth.blocks(answers), smallest),
        within_one_of_needed=None if truth.needed is None else _within_one(truth.blocks(answers), truth.needed),
        chance_enough=_mean_chance([chances[depth] for depth in kept.values()]),
        seconds=spent.seconds(name),
        cost=spent.share_of_sweep(name),
        by_threshold=_by_threshold(name, choices, truth),
    )


def _mean(values: np.ndarray) -> Estimated:
    return estimated(crossed_mean(values))


def _within_one(blocks: list[int], depth: int) -> float:
    return float(np.mean([abs(answer - depth) <= 1 for answer in blocks]))


def _mean_chance(chances: list[float | None]) -> float | None:
    known = [chance for chance in chances if chance is not None]
    return float(np.mean(known)) if len(known) == len(chances) else None


def _by_threshold(name: str, choices: Mapping[int, DepthChoice], truth: Truth) -> dict[str, AtThreshold]:
    """At the thresholds that all seeds have answers for.

    These answers are told without the rule's gates; only a threshold that is not among them is asked with everything.
    """
    of_seeds = [choices[seed].sensitivity for seed in truth.scores.seeds]
    shared = [key for key in of_seeds[0] if all(key in answers for answers in of_seeds)]
    told = {key: {seed: choices[seed].sensitivity[key] for seed in truth.scores.seeds} for key in shared}
    told.setdefault(CRITERIA[name].threshold_key, {seed: choices[seed].num_blocks for seed in truth.scores.seeds})
    return {
        key: AtThreshold(
            answers=answers, regret=_mean(truth.regret(answers)), blocks=float(np.mean(truth.blocks(answers)))
        )
        for key, answers in told.items()
    }
