from made_judged import Costs, sweep

from trimformer.depth.judgement.thresholds import fitted_without


def test_the_fewest_blocks_at_a_regret_that_no_other_sweep_minds_and_paid_for_on_the_one_left_out() -> None:
    brain = sweep("brain", "unetr", {"0.3": (0.05, 0.0), "0.5": (0.004, 1.0), "0.7": (0.0, 3.0)})
    phantom = sweep("phantom", "unetr", {"0.3": (0.009, 1.0), "0.5": (0.0, 2.0), "0.7": (0.0, 5.0)})
    rows = fitted_without([brain, phantom])
    assert [(row.left_out, row.threshold, row.worst_of_others, row.regret, row.blocks) for row in rows] == [
        ("brain", "0.3", 0.009, 0.05, 0.0),
        ("phantom", "0.5", 0.004, 0.0, 2.0),
    ]
    assert [(row.regret_of_default, row.blocks_of_default) for row in rows] == [(0.004, 1.0), (0.0, 2.0)]


def test_one_bad_sweep_among_the_others_rules_a_threshold_out() -> None:
    fine: Costs = {"0.3": (0.0, 0.0), "0.5": (0.0, 2.0)}
    bad: Costs = {"0.3": (0.02, 0.0), "0.5": (0.0, 2.0)}
    rows = fitted_without([sweep(f"task {index}", "unetr", bad if index == 1 else fine) for index in range(4)])
    assert [row.threshold for row in rows] == ["0.5", "0.3", "0.5", "0.5"]


def test_where_every_threshold_costs_too_much_the_smallest_worst_regret_counts() -> None:
    other = sweep("brain", "unetr", {"0.3": (0.30, 0.0), "0.5": (0.20, 5.0)})
    rows = fitted_without([other, sweep("phantom", "unetr", {"0.3": (0.0, 1.0), "0.5": (0.0, 1.0)})])
    assert (rows[1].left_out, rows[1].threshold, rows[1].worst_of_others) == ("phantom", "0.5", 0.2)


def test_models_are_left_out_as_tasks_are_and_equal_thresholds_stay_near_the_catalogue() -> None:
    flat: Costs = {"0.3": (0.01, 2.0), "0.5": (0.0, 2.0), "0.8": (0.01, 2.0)}
    rows = fitted_without([sweep("brain", name, flat) for name in ("unetr", "transunet")])
    assert [(row.kind, row.left_out, row.threshold) for row in rows] == [
        ("model", "unetr", "0.5"),
        ("model", "transunet", "0.5"),
    ]


def test_one_task_and_one_model_leave_nothing_to_fit_on() -> None:
    assert fitted_without([sweep("brain", "unetr", {"0.5": (0.0, 1.0)})]) == ()
