import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_measures import (
    PATIENTS,
    Made,
    profile,
    receptive_field,
    with_attention,
    with_near_sighted,
    with_skipped_blocks,
    with_states,
)

from trimformer.depth import choose_depth
from trimformer.depth.criteria.catalogue import CRITERIA, criterion_named
from trimformer.records.depth import DepthChoice
from trimformer.records.errors import UserError

FAR = [-0.3, -0.3, -0.3, -0.3]

CASES = [
    ("distance", with_attention("distance_ratio", [0.2, 0.585, 0.59, 0.9]), 3),  # block 2's lower bound is 0.579
    ("distance", with_attention("distance_ratio", [0.9, 0.1, 0.1, 0.1]), 1),
    ("distance", with_attention("distance_ratio", [0.5, 0.5, 0.5, 0.5]), None),
    ("entropy", with_attention("entropy", [0.2, 0.755, 0.76, 0.9]), 3),
    ("entropy", with_attention("entropy", [0.7, 0.7, 0.7, 0.7]), None),
    ("cka", with_states([0.5, 0.95, 0.7, 0.95], [0.0] * 4), 3),  # 1 is alike, but 2 is not
    ("cka", with_states([0.99, 0.95, 0.95, 0.95], [0.0] * 4), 0),
    ("cka", with_states([0.99, 0.95, 0.95, 0.5], [0.0] * 4), 4),
    ("block-influence", with_states([0.0] * 4, [0.3, 0.05, 0.2, 0.05]), 3),  # the third still turns the tokens
    ("block-influence", with_states([0.0] * 4, [0.09, 0.09, 0.09, 0.09]), 0),
    ("block-influence", with_states([0.0] * 4, [0.0, 0.0, 0.0, 0.096]), 4),  # its upper bound is 0.102
    ("identity-ablation", with_skipped_blocks([-0.3, -0.016, -0.01, -0.3]), 2),  # 1's lower bound is -0.022
    ("identity-ablation", with_skipped_blocks([0.0, -0.1, -0.1, -0.1]), 0),
    ("identity-ablation", with_skipped_blocks(FAR), 4),
    ("causal-radius", with_near_sighted([0.0, -0.2, 0.0, 0.0]), 2),
    ("causal-radius", with_near_sighted([0.0] * 4), 0),
    ("causal-radius", with_near_sighted([0.0, 0.0, 0.0, -0.046]), 4),  # its lower bound is -0.052
    ("far-sighted", with_near_sighted([-0.2, 0.0, 0.0, -0.2]), 2),
    ("far-sighted", with_near_sighted([0.0] * 4), 0),
    ("far-sighted", with_near_sighted([0.0, -0.046, 0.0, -0.043]), 1),  # their lower bounds: -0.052, -0.049
    ("fixed", Made(), 3),
    ("fixed", Made(blocks=2), 2),
    ("rule", Made(given={"profile": profile([0.2, 0.501, 0.52, 0.9])}), 3),
]


@pytest.mark.parametrize(("name", "measures", "depth"), CASES)
def test_every_criterion_answers_the_depth_that_its_definition_gives(
    name: str, measures: Made, depth: int | None, tmp_path: Path
) -> None:
    choice = CRITERIA[name].choose(measures)
    assert (choice.status, choice.num_blocks) == ("inconclusive" if depth is None else "chosen", depth)
    assert choice.criterion == CRITERIA[name].title
    choice.save(tmp_path / "depth.json")
    assert DepthChoice.load(tmp_path / "depth.json") == choice


def test_every_criterion_has_a_case_and_tells_its_threshold_and_source() -> None:
    assert {name for name, _, _ in CASES} == set(CRITERIA)
    for name, criterion in CRITERIA.items():
        assert criterion.threshold > 0
        assert criterion.threshold in criterion.others or name in {"distance", "entropy", "fixed"}
        assert criterion.source


def test_the_rule_of_the_catalogue_reads_the_receptive_field() -> None:
    given = {"profile": profile([0.6] * 4), "receptive_field": receptive_field([0, 0.1, 0.1, 0.1, 0.1])}
    choice = CRITERIA["rule"].choose(Made(given=given))
    assert choice == choose_depth(*given.values())  # type: ignore[arg-type]
    assert choice.status == "inconclusive"


def test_another_threshold_gives_what_the_sensitivity_told() -> None:
    criterion, measures = CRITERIA["identity-ablation"], with_skipped_blocks([-0.3, -0.09, -0.04, -0.014])
    choice = criterion.choose(measures)
    assert choice.sensitivity == {"0.005": 4, "0.01": 4, "0.02": 3, "0.05": 2, "0.1": 1}
    for threshold, depth in choice.sensitivity.items():
        assert dataclasses.replace(criterion, threshold=float(threshold)).choose(measures).num_blocks == depth


def test_the_reason_tells_the_number_that_decided() -> None:
    chosen = CRITERIA["cka"].choose(with_states([0.5, 0.95, 0.7, 0.95], [0.0] * 4)).reason
    assert chosen.startswith("CKA of the tokens after 3 blocks with those after the last: 0.950 (95 % interval 0.944")
    none = CRITERIA["distance"].choose(with_attention("distance_ratio", [0.5, 0.57, 0.5, 0.5])).reason
    assert none.startswith("No depth passes: Distance ratio of block 2: 0.570")
    last = CRITERIA["block-influence"].choose(with_states([0.0] * 4, [0.0, 0.0, 0.0, 0.3])).reason
    assert last.startswith("No smaller depth passes: Influence of block 4: 0.300")
    counted = CRITERIA["far-sighted"].choose(with_near_sighted([-0.2, 0.0, 0.0, -0.3])).reason
    assert counted.startswith("2 of 4. Change of Dice when block 1 alone sees no further than 8 mm: -0.200")
    assert "block 4 alone sees" in counted
    assert "block 2" not in counted
    nothing = CRITERIA["far-sighted"].choose(with_near_sighted([0.0, 0.004, 0.0])).reason
    assert nothing.startswith("0 of 3. Change of Dice when block 1 alone sees")


def test_fewer_than_six_patients_are_inconclusive_and_those_without_a_number_do_not_count() -> None:
    few = CRITERIA["distance"].choose(with_attention("distance_ratio", [0.9] * 4, patients=5))
    assert (few.status, few.reason) == (
        "inconclusive",
        "Too few patients: 5 patients with foreground, needed 6.",
    )
    assert set(few.sensitivity.values()) == {None}, "other thresholds have no more patients"
    gap = with_attention("distance_ratio", [0.9] * 4)
    gap.profile.model["foreground/distance_ratio"][:2] = np.nan
    choice = CRITERIA["distance"].choose(gap)
    assert (choice.evidence["patients"], choice.num_blocks) == (PATIENTS - 2, 1)
    gap.profile.model["foreground/distance_ratio"][:] = np.nan
    nothing = CRITERIA["distance"].choose(gap)
    assert nothing.evidence["gates"][0]["passed"] is False
    assert nothing.reason.startswith("No patient has such a number")


def test_an_unknown_criterion_is_refused_with_the_names_that_are_known() -> None:
    with pytest.raises(UserError, match="block-influence"):
        criterion_named("guess")


def test_distance_and_entropy_stand_halfway_between_gaussian_and_uniform_attention() -> None:
    places = np.stack(np.meshgrid(np.arange(14), np.arange(14)), axis=-1).reshape(-1, 2)
    distances = np.linalg.norm(places[:, None] - places, axis=-1)
    local = np.exp(-(distances**2) / 2)
    local /= local.sum(axis=1, keepdims=True)
    ratio = ((local * distances).sum(axis=1) / distances.mean(axis=1)).mean()
    entropy = -(local * np.log(local)).sum(axis=1).mean() / np.log(len(places))
    assert (1 + ratio) / 2 == pytest.approx(CRITERIA["distance"].threshold, abs=0.01)
    assert (1 + entropy) / 2 == pytest.approx(CRITERIA["entropy"].threshold, abs=0.01)


def test_the_page_has_a_row_for_every_criterion_with_its_threshold(trimformer: Any) -> None:
    page = (Path(__file__).parents[2] / "docs/criteria.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z-]+)` \|.*?\| (\d[\d.]*) \|", page, re.MULTILINE))
    assert rows == {name: f"{criterion.threshold:g}" for name, criterion in CRITERIA.items()}
    assert all(name in re.sub(r"\s", "", trimformer("choose", "--help")[1]) for name in ("causal-radius", "fixed"))
