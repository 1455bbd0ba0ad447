import pytest

from trimformer.depth.race.cost import Cost, EpochCosts
from trimformer.depth.race.plan import SHARE, candidates, plan_race


def costs(epochs: int = 80, full: int = 12, trunk: int = 2, selection_slices: int = 10) -> EpochCosts:
    """10 steps an epoch of 100 slices, each of `trunk` operations and one a block."""
    of_a_slice = {depth: trunk + depth for depth in range(full + 1)}
    return EpochCosts(full, epochs, 10, 100, selection_slices, of_a_slice)


def test_a_sweep_is_every_depth_trained_like_the_run() -> None:
    # 7 depths, 28 blocks and 7 trunks in all; an epoch is 3 passes of 100 slices and one of 10.
    assert costs().sweep() == Cost(80 * 10 * 7, 80 * (28 + 7 * 2) * 310)
    assert costs(full=3).swept == (0, 1, 2, 3)
    assert costs(full=8).swept == (0, 1, 2, 3, 4, 6, 8)


def test_a_race_costs_its_epochs_and_one_more_pass_of_the_judges_in_each_round() -> None:
    race = costs().race([(2, (0, 12)), (3, (12,))])
    assert race == Cost((2 * 2 + 3) * 10, 2 * (2 + 14) * 310 + 3 * 14 * 310 + (2 + 14 + 14) * 10)
    document = race.document(costs().sweep())
    assert document["share"] == pytest.approx(
        max(70 / 5600, race.multiply_accumulates / costs().sweep().multiply_accumulates)
    )


def test_neighbours_stay_within_the_model() -> None:
    assert candidates(3, 12) == (12, 0, 3, 2, 4)
    assert candidates(12, 12) == (12, 0, 11)
    assert candidates(0, 12) == (12, 0, 1)
    assert candidates(1, 1) == (1, 0)


@pytest.mark.parametrize("trunk", [0, 2, 1000])
@pytest.mark.parametrize("epochs", [12, 80])
def test_the_default_race_costs_at_most_its_share_and_one_epoch_more_would_not(trunk: int, epochs: int) -> None:
    known = costs(epochs, trunk=trunk)
    for proposed in (0, 1, 3, 5, 12):
        wanted = candidates(proposed, 12)
        plan = plan_race(wanted, known)
        assert {0, proposed, 12} <= set(plan.depths) <= set(wanted)
        assert _share(plan.rounds, plan.depths, known) <= SHARE
        assert _share(plan_race(plan.depths, known, plan.epochs + 1).rounds, plan.depths, known) > SHARE
        if set(plan.depths) != set(wanted):
            assert _share((1,), wanted, known) > SHARE


def test_a_run_too_short_for_the_budget_is_raced_for_one_epoch_at_three_depths() -> None:
    plan = plan_race(candidates(3, 12), costs(epochs=2))
    assert (plan.depths, plan.rounds) == ((0, 3, 12), (1,))


def test_epochs_that_were_asked_for_are_run_in_two_rounds_whatever_they_cost() -> None:
    plan = plan_race(candidates(3, 12), costs(), epochs=41)
    assert (plan.depths, plan.rounds, plan.epochs) == ((0, 2, 3, 4, 12), (20, 21), 41)


def _share(rounds: tuple[int, ...], depths: tuple[int, ...], known: EpochCosts) -> float:
    return known.race((epochs, depths) for epochs in rounds).as_share_of(known.sweep())
