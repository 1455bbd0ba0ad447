"""A judged sweep of one criterion, made of its regrets and blocks by threshold."""

from trimformer.records.judgement import AtThreshold, Estimated, JudgedCriterion, JudgedSweep

Costs = dict[str, tuple[float, float]]
"""Regret and blocks by threshold."""


def sweep(task: str, model: str, costs: Costs, own: str = "0.5") -> JudgedSweep:
    nothing = Estimated(mean=0, ci95=None)
    rule = JudgedCriterion(
        criterion="rule",
        answers={0: 1},
        kept={0: 2},  # one block was not trained
        inconclusive=0,
        regret=Estimated(mean=costs[own][0], ci95=None),
        minus_full=nothing,
        minus_default=nothing,
        blocks_off=None,
        within_one=None,
        within_one_of_needed=None,
        chance_enough=None,
        seconds=None,
        cost=None,
        by_threshold={
            key: AtThreshold(answers={0: 1}, regret=Estimated(mean=regret, ci95=None), blocks=blocks)
            for key, (regret, blocks) in costs.items()
        },
    )
    return JudgedSweep(name=task, task=task, model=model, seeds=(0,), patients=6, criteria=(rule,), verdict="")
