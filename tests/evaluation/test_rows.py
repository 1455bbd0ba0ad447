from pathlib import Path
from typing import Any

import pytest

from trimformer.evaluation.rows import Candidate, references, rows_of
from trimformer.records.errors import UserError
from trimformer.records.experiment import Experiment
from trimformer.records.run_folder import RunFolder


def candidate(path: Path, **changes: Any) -> Candidate:
    """A run folder that holds its experiment alone."""
    Experiment().with_changes(name=path.name, **changes).save(path / "experiment.toml")
    return Candidate.of(RunFolder(path), is_reference=False)


@pytest.mark.parametrize(
    ("model", "role"),
    [
        ({"num_blocks": 3}, "3 blocks"),
        ({"num_blocks": 0}, "zero blocks"),
        ({"name": "unet"}, "plain U-Net"),
        ({"name": "SegResNet"}, "SegResNet"),
        ({"target": "my.networks:wide"}, "my.networks:wide"),
        ({"target": "my.networks:deep", "num_blocks": 24}, "24 blocks"),
    ],
)
def test_the_role_is_what_the_experiment_says(tmp_path: Path, model: dict[str, Any], role: str) -> None:
    run = candidate(tmp_path / "one", model=model)
    assert run.role == role
    assert Candidate.of(run.run, is_reference=True).role == "reference"


def test_runs_that_differ_in_their_seed_are_one_row_in_the_order_of_seeds(tmp_path: Path) -> None:
    deep = [candidate(tmp_path / f"deep-s{seed}", seed=seed) for seed in (2, 0, 1)]
    cut = [candidate(tmp_path / f"cut-seed{seed}", seed=seed, model={"num_blocks": 3}) for seed in (0, 1)]
    longer = candidate(tmp_path / "longer", training={"epochs": 81})
    rows = rows_of([deep[0], cut[0], *deep[1:], cut[1], longer], tmp_path)
    assert [(row.name, row.seeds) for row in rows] == [("deep", (0, 1, 2)), ("cut", (0, 1)), ("longer", (0,))]
    assert rows[0].paths(tmp_path) == ("deep-s0", "deep-s1", "deep-s2")
    assert rows[0].first is deep[1]


def test_each_seed_may_inherit_from_its_own_run_and_learn_from_its_own_teacher(tmp_path: Path) -> None:
    made = []
    for seed in (0, 1):
        full = candidate(tmp_path / f"full-{seed}", seed=seed)
        changes = {"model": {"num_blocks": 3, "weights": str(full.run.path)}}
        made.append(candidate(tmp_path / f"inherited-{seed}", seed=seed, **changes))
        made.append(
            candidate(tmp_path / f"a-{seed}", seed=seed, **changes, distillation={"teacher": str(full.run.path)})
        )
    other = candidate(tmp_path / "other", seed=5, model={"num_blocks": 4})
    stranger = candidate(tmp_path / "b-2", seed=2, model={"num_blocks": 3, "weights": str(other.run.path)})
    rows = rows_of([*made, stranger], tmp_path)
    assert [(row.name, row.seeds) for row in rows] == [("inherited", (0, 1)), ("a", (0, 1)), ("b-2", (2,))]


def test_names_without_a_seed_in_common_are_the_first_runs_and_doubles_become_paths(tmp_path: Path) -> None:
    odd = [candidate(tmp_path / name, seed=seed) for seed, name in enumerate(("one", "two"))]
    twins = [candidate(tmp_path / folder / "same", model={"num_blocks": k}) for k, folder in enumerate("ab")]
    assert [row.name for row in rows_of([*odd, *twins], tmp_path)] == ["one", "a/same", "b/same"]


def test_one_seed_twice_is_refused_by_name(tmp_path: Path) -> None:
    twice = [candidate(tmp_path / name) for name in ("one", "two")]
    with pytest.raises(UserError, match=r"one and .*two are both seed 0"):
        rows_of(twice, tmp_path)


def test_a_row_is_compared_with_the_first_of_its_network_and_that_with_the_first_of_all(tmp_path: Path) -> None:
    models: dict[str, dict[str, Any]] = {
        "unetr": {"num_blocks": 12},
        "unetr-cut": {"num_blocks": 3, "decoder": "compressed"},
        "cats": {"name": "cats", "trunk": "resnet34"},
        "cats-deeper-trunk": {"name": "cats", "trunk": "resnet50"},
        "cats-cut": {"name": "cats", "trunk": "resnet34", "num_blocks": 3},
        "unet": {"name": "unet"},
        "unetr-tiny": {"size": "tiny"},
        "unetr-8": {"patch_size": 8},
        "own": {"target": "my.networks:deep", "num_blocks": 24},
        "own-cut": {"target": "my.networks:deep", "num_blocks": 6},
    }
    rows = rows_of([candidate(tmp_path / name, model=model) for name, model in models.items()], tmp_path)
    names = [row.name for row in rows]
    assert [None if index is None else names[index] for index in references(rows)] == [
        *(None, "unetr", "unetr", "unetr", "cats", "unetr", "unetr", "unetr", "unetr", "own"),
    ]
