"""A judged sweep of one criterion, made of its regrets by threshold."""

from trimformer.records.judgement import Estimated, JudgedCriterion, JudgedSweep


def sweep(task: str, model: str, regrets: dict[str, float], own: str = "0.5") -> JudgedSweep:
    nothing = Estimated(mean=None, ci95=None)
    rule = JudgedCriterion(
        criterion="rule",
        answers={0: 1},
        kept={0: 1},
        inconclusive=0,
        regret=Estimated(mean=regrets[own], ci95=None),
        minus_full=nothing,
        minus_default=nothing,
        blocks_off=None,
        within_one=None,
        within_one_of_needed=None,
        chance_enough=None,
        seconds=None,
        cost=None,
        regret_by_threshold=regrets,
    )
    return JudgedSweep(name=task, task=task, model=model, seeds=(0,), patients=6, criteria=(rule,), verdict="")
