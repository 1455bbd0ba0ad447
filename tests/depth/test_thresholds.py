from made_judged import sweep

from trimformer.depth.judgement.thresholds import fitted_without


def test_a_threshold_is_fitted_on_the_others_and_paid_for_on_the_one_left_out() -> None:
    one = sweep("brain", "unetr", {"0.3": 0.02, "0.5": 0.01})
    other = sweep("phantom", "unetr", {"0.3": 0.0, "0.5": 0.03})
    rows = fitted_without([one, other])
    assert [(row.left_out, row.threshold, row.regret_of_others, row.regret) for row in rows] == [
        ("brain", "0.3", 0.0, 0.02),
        ("phantom", "0.5", 0.01, 0.03),
    ]
    assert [row.regret_of_default for row in rows] == [0.01, 0.03]


def test_models_are_left_out_as_tasks_are_and_equal_thresholds_stay_near_the_catalogue() -> None:
    flat = {"0.3": 0.01, "0.4": 0.01, "0.8": 0.01}
    rows = fitted_without([sweep("brain", name, flat, own="0.4") for name in ("unetr", "transunet")])
    assert [(row.kind, row.left_out, row.threshold) for row in rows] == [
        ("model", "unetr", "0.4"),
        ("model", "transunet", "0.4"),
    ]


def test_one_task_and_one_model_leave_nothing_to_fit_on() -> None:
    assert fitted_without([sweep("brain", "unetr", {"0.5": 0.0})]) == ()
