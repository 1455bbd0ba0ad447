from pathlib import Path

import numpy as np
import pytest

from trimformer.depth import choose_depth
from trimformer.records.profile import AttentionProfile

PATIENTS, BLOCKS, HEADS = 8, 4, 2
NOISE = np.linspace(-0.01, 0.01, PATIENTS)[:, None]


def spread(means: list[float]) -> np.ndarray:
    """(patients, blocks) around the means, with a half interval of 0.006."""
    return np.array(means)[None] + NOISE


def profile(
    field: list[float],
    *,
    without_sinks: list[float] | None = None,
    far_queries: float = 1.0,
    mixing: float = 0.9,
    information: float = 0.3,
    twin_information: float = 0.1,
    patients: int = PATIENTS,
) -> AttentionProfile:
    def heads(value: float) -> np.ndarray:
        return np.repeat(spread([value] * BLOCKS)[:patients, :, None], HEADS, axis=2)

    values: dict[str, np.ndarray] = {}
    for region in ("foreground", "all"):
        values |= {
            f"{region}/norm_weighted/far_field_ratio": spread(field)[:patients],
            f"{region}/norm_weighted/far_query_share": spread([far_queries] * BLOCKS)[:patients],
            f"{region}/norm_weighted/far_field_ratio_without_sinks": spread(without_sinks or field)[:patients],
            f"{region}/mixing": heads(mixing),
            f"{region}/far_field_ratio": heads(0.65),
            f"{region}/query_key_information": heads(information),
        }
    twin = {key: heads(twin_information) for key in ("foreground/query_key_information", "all/query_key_information")}
    return AttentionProfile(
        tuple(f"p{i}" for i in range(patients)),
        tuple(f"blocks.{i}" for i in range(BLOCKS)),
        HEADS,
        (14, 14),
        values,
        twin,
        {},
        {},
    )


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


def test_the_receptive_field_gate_is_reported_as_not_checked() -> None:
    gates = {gate["name"]: gate["passed"] for gate in choose_depth(profile([0.6] * 4)).evidence["gates"]}
    assert gates["effective receptive field"] is None
    assert all(passed is True for name, passed in gates.items() if name != "effective receptive field")


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
