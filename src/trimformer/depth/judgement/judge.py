"""A finished study judged: for each of its sweeps, what the criteria answered and what every depth really scored."""

from collections.abc import Mapping

from trimformer.data.phantom.board import needed_blocks
from trimformer.depth.criteria.catalogue import DEFAULT
from trimformer.depth.judgement.answers import answers_of
from trimformer.depth.judgement.cost import Spent, training_seconds
from trimformer.depth.judgement.enough import admissible, judged_depths, smallest_enough
from trimformer.depth.judgement.measure import read_seconds
from trimformer.depth.judgement.regret import Truth, judged_criterion
from trimformer.depth.judgement.scores import Scores, scores_of
from trimformer.depth.judgement.sweep import Sweep, sweeps_of
from trimformer.depth.judgement.thresholds import fitted_without
from trimformer.depth.judgement.usable import Usable, usable
from trimformer.depth.judgement.words import verdict_in_words
from trimformer.evaluation.compare import MARGIN, refuse_margin
from trimformer.records.depth import DepthChoice
from trimformer.records.errors import UserError
from trimformer.records.judgement import ExcludedRun, JudgedCriterion, JudgedSweep, Judgement
from trimformer.records.progress import Progress, silent
from trimformer.study.plan import Plan

Choices = Mapping[str, Mapping[int, DepthChoice]]
"""By criterion and seed."""


def judge_study(
    plan: Plan, *, margin: float = MARGIN, keep_undertrained: bool = False, progress: Progress = silent
) -> Judgement:
    """Hold the criteria's answers for the deepest runs against the Dice of the runs of all depths.

    What the criteria read of the deepest run of every seed is measured where it is missing, on training and selection
    patients, and kept in its folder. The Dice is that of the reported patients.

    Args:
        plan: Of the study; those of its selected runs that are not done are named.
        margin: The loss of Dice that does not matter.
        keep_undertrained: Judge runs that were still learning all the same, and say so.
        progress: Told while something is measured.

    Raises:
        UserError: The study has no sweep of depths, or the margin is not between 0 and 1.
    """
    refuse_margin(margin)
    sweeps, left_out = sweeps_to_judge(plan)
    judged = [_judged(sweep, usable(sweep, keep_undertrained), margin, progress) for sweep in sweeps]
    return Judgement(
        study=plan.study,
        default=DEFAULT,
        margin=margin,
        sweeps=tuple(judged),
        left_out=tuple(left_out),
        thresholds=fitted_without(judged),
    )


def sweeps_to_judge(plan: Plan) -> tuple[list[Sweep], list[ExcludedRun]]:
    """The sweeps among the selected runs, done or not, and the runs that are in none.

    Raises:
        UserError: There is no sweep.
    """
    sweeps, left_out = sweeps_of([job for job in plan.jobs if job.name in plan.selected])
    if not sweeps:
        raise UserError(
            "A study is judged whose runs differ in model.num_blocks",
            f"no two depths among the runs of {plan.study} that were asked for",
            "Give model.num_blocks a list: docs/judging.md.",
        )
    return sweeps, left_out


def _judged(sweep: Sweep, seeds: Usable, margin: float, progress: Progress) -> JudgedSweep:
    """The sweep, or why it cannot be judged: one that cannot stops no other."""
    if not seeds.seeds:
        return _unjudged(sweep, seeds, _why_no_seed(sweep))
    try:
        scores = scores_of(sweep, seeds.seeds)
        if scores.patients == 0:
            return _unjudged(sweep, seeds, "no patient has a Dice in all runs")
        if not scores.full.any():
            return _unjudged(sweep, seeds, "the full depth finds nothing, its Dice is 0 of every patient")
        return _with_figures(sweep, seeds, scores, margin, progress)
    except UserError as error:
        return _unjudged(sweep, seeds, str(error))


def _why_no_seed(sweep: Sweep) -> str:
    why = "no seed has a run at every depth that is done and had settled"
    undertrained = len(usable(sweep, keep_undertrained=True).seeds)
    if not undertrained:
        return why
    seeds = "1 seed" if undertrained == 1 else f"{undertrained} seeds"
    return f"{why}. Train longer, or judge {seeds} all the same with --keep-undertrained"


def _unjudged(sweep: Sweep, seeds: Usable, why: str) -> JudgedSweep:
    return JudgedSweep(
        name=sweep.name,
        task=sweep.task,
        model=sweep.model,
        seeds=(),
        patients=0,
        excluded=seeds.excluded,
        notes=seeds.notes,
        verdict=f"Cannot be judged: {why.rstrip('.')}.",
    )


def _with_figures(sweep: Sweep, seeds: Usable, scores: Scores, margin: float, progress: Progress) -> JudgedSweep:
    depths = judged_depths(scores, margin)
    truth = Truth(scores, depths, None if sweep.hops is None else needed_blocks(sweep.hops))
    criteria = _criteria(sweep, truth, progress)
    return JudgedSweep(
        name=sweep.name,
        task=sweep.task,
        model=sweep.model,
        seeds=scores.seeds,
        patients=scores.patients,
        depths=depths,
        best_depth=scores.best,
        admissible=admissible(depths),
        smallest_enough=smallest_enough(depths),
        needed=truth.needed,
        criteria=criteria,
        excluded=seeds.excluded,
        notes=seeds.notes,
        verdict=verdict_in_words(criteria, DEFAULT, smallest_enough(depths), depths, margin),
    )


def _criteria(sweep: Sweep, truth: Truth, progress: Progress) -> tuple[JudgedCriterion, ...]:
    seeds, full = truth.scores.seeds, sweep.depths[-1]
    answers = {seed: answers_of(sweep.run(full, seed), progress) for seed in seeds}
    choices: Choices = {name: {seed: answers[seed][name] for seed in seeds} for name in answers[seeds[0]]}
    spent = Spent(
        [read_seconds(sweep.run(full, seed)) for seed in seeds],
        [training_seconds([sweep.run(depth, seed) for depth in sweep.depths]) for seed in seeds],
    )
    return tuple(judged_criterion(name, of, choices[DEFAULT], truth, spent) for name, of in choices.items())
