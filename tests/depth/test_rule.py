from pathlib import Path

import numpy as np
import pytest
from made_measures import PATIENTS, profile, receptive_field

from trimformer.depth import choose_depth
from trimformer.depth.choose_run import choose_run
from trimformer.records.depth import DepthChoice
from trimformer.records.errors import UserError
from trimformer.records.run_folder import RunFolder


def test_the_first_block_whose_lower_bound_reaches_tau_is_chosen() -> None:
    choice = choose_depth(profile([0.2, 0.501, 0.52, 0.9]))  # block 2's lower bound is 0.496
    assert (choice.status, choice.num_blocks) == ("chosen", 3)
    assert "Block 3" in choice.reason
    assert [block["passes"] for block in choice.evidence["blocks"]] == [False, False, True, True]
    assert choice.evidence["all_patches"] == 3


def test_the_field_need_not_grow_with_depth() -> None:
    assert choose_depth(profile([0.9, 0.2, 0.1, 0.1])).num_blocks == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"field": [0.1, 0.2, 0.3, 0.4]}, "block 4 comes closest"),
        ({"far_queries": 0.5}, "50% of the queries"),
        ({"mixing": 0.05}, "mixing 0.05"),
        ({"without_sinks": [0.0, 0.0, 0.0, 0.0]}, "holds without sink tokens"),
        ({"twin_information": 0.29}, "permuted twin"),
        ({"patients": 5}, "5 patients with foreground"),
    ],
)
def test_a_failed_condition_or_gate_is_inconclusive_and_named(changes: dict[str, object], reason: str) -> None:
    choice = choose_depth(profile(**{"field": [0.6, 0.7, 0.8, 0.9]} | changes))  # type: ignore[arg-type]
    assert (choice.status, choice.num_blocks) == ("inconclusive", None)
    assert reason in choice.reason


def test_an_unmeasured_receptive_field_is_reported_as_not_checked() -> None:
    evidence = choose_depth(profile([0.6] * 4)).evidence
    gates = {gate["name"]: gate["passed"] for gate in evidence["gates"]}
    assert gates["effective receptive field"] is None
    assert all(passed is True for name, passed in gates.items() if name != "effective receptive field")
    assert evidence["receptive_field"] is None


@pytest.mark.parametrize(
    ("after_block_2", "passed", "status"), [(0.51, True, "chosen"), (0.505, False, "inconclusive")]
)
def test_the_lower_bound_of_the_receptive_field_after_the_chosen_block_is_a_gate(
    after_block_2: float, passed: bool, status: str
) -> None:
    choice = choose_depth(profile([0.2, 0.6, 0.7, 0.8]), receptive_field([0, 0.9, after_block_2, 0.9, 0.9]))
    gate = choice.evidence["gates"][-1]
    assert (choice.status, gate["name"], gate["passed"]) == (status, "effective receptive field", passed)
    assert choice.num_blocks == (2 if passed else None)
    assert passed or "lower bound 0.499 over 8 patients, needed 0.5" in choice.reason
    depths = choice.evidence["receptive_field"]["depths"]
    assert [depth["is_global"] for depth in depths] == [False, True, passed, True, True]
    assert depths[2]["far_field_ratio"]["low"] == pytest.approx(after_block_2 - 0.0055, abs=5e-4)
    assert "convolutions" not in choice.reason


def test_a_trunk_that_is_global_before_the_first_block_is_told_whatever_the_answer() -> None:
    field = receptive_field([0.7, 0.9, 0.9, 0.9, 0.9])
    for found in (profile([0.6] * 4), profile([0.1] * 4)):
        assert "the convolutions, not the first block, may be what is global" in choose_depth(found, field).reason


def test_a_receptive_field_of_one_patient_fails_and_that_of_other_blocks_is_refused() -> None:
    choice = choose_depth(profile([0.6] * 4), receptive_field([0.9] * 5, patients=1))
    assert choice.status == "inconclusive"
    assert "an interval needs two" in choice.reason
    with pytest.raises(UserError, match="3 blocks beside 4"):
        choose_depth(profile([0.6] * 4), receptive_field([0.9] * 4))


@pytest.mark.parametrize("absent", [True, False])
def test_a_profile_that_cannot_be_rolled_out_is_inconclusive_in_words(absent: bool, tmp_path: Path) -> None:
    windowed = profile([0.6] * 4)
    for name in [name for name in windowed.model if "norm_weighted" in name]:
        if absent:
            del windowed.model[name]
        else:
            windowed.model[name][:] = np.nan
    choice = choose_depth(windowed)
    assert (choice.status, choice.num_blocks) == ("inconclusive", None)
    assert "no cumulative field" in choice.reason
    choice.save(tmp_path / "depth.json")


def test_heads_that_a_block_does_not_have_do_not_count() -> None:
    padded = profile([0.6] * 4)
    for name in ("foreground/mixing", "foreground/far_field_ratio", "foreground/query_key_information"):
        padded.model[name][:, :, 1] = np.nan
    choice = choose_depth(padded)
    assert choice.num_blocks == 1
    assert choice.evidence["single_heads"]["0.6"] == 1


def test_a_run_is_judged_with_the_receptive_field_that_lies_in_it(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    profile([0.6] * 4).save(run.profile_file, run.profile_arrays)
    assert choose_run(run, "rule").evidence["receptive_field"] is None
    receptive_field([0, 0.1, 0.1, 0.1, 0.1]).save(*run.measure_files("receptive_field"))
    choice = choose_run(run, "rule")
    assert choice.status == "inconclusive"
    assert DepthChoice.load(run.depth_file) == choice
    run.measure_files("receptive_field")[1].unlink()
    with pytest.raises(UserError, match="npz"):
        choose_run(run, "rule")


def test_sensitivity_answers_for_every_threshold() -> None:
    choice = choose_depth(profile([0.35, 0.45, 0.65, 0.75]))
    assert choice.sensitivity == {"0.3": 1, "0.4": 2, "0.5": 3, "0.6": 3, "0.7": 4, "0.8": None}
    assert choice.evidence["single_heads"]["0.6"] == 1
    assert choice.evidence["single_heads"]["0.7"] is None


def test_patients_without_foreground_do_not_count() -> None:
    with_gap = profile([0.6] * 4)
    for array in with_gap.model.values():
        array[0] = np.nan
    choice = choose_depth(with_gap)
    assert choice.evidence["patients"] == PATIENTS - 1
    assert choice.num_blocks == 1


def test_a_profile_without_any_foreground_is_inconclusive_and_can_be_written(tmp_path: Path) -> None:
    empty = profile([0.6] * 4)
    for array in empty.model.values():
        array[:] = np.nan
    choice = choose_depth(empty)
    assert choice.status == "inconclusive"
    assert "nothing to judge" in choice.reason
    choice.save(tmp_path / "depth.json")
    assert type(choice).load(tmp_path / "depth.json") == choice
