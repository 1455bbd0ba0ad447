from collections.abc import Sequence
from pathlib import Path

import pytest

from trimformer.records.errors import UserError
from trimformer.records.study import read_study
from trimformer.study.faults import refuse
from trimformer.study.plan import FAILURE, Plan, plan_study

TEACHERS = """
[model]
size = "tiny"
weights = "none"
[[run]]
name = "small"
model = {num_blocks = [3, 1], weights = "study:full"}
distillation.teacher = "study:full"
seed = [0, 1]
[[run]]
name = "full"
seed = [0, 1]
"""


def planned(folder: Path, text: str, overrides: Sequence[str] = (), only: str | None = None) -> Plan:
    file = folder / "made.toml"
    file.write_text(text)
    plan = plan_study(read_study(file), folder / "out", overrides=overrides, only=only)
    refuse(plan.faults)
    return plan


def test_a_link_leads_to_the_run_of_the_same_seed_which_comes_first(tmp_path: Path) -> None:
    plan = planned(tmp_path, TEACHERS)
    assert [job.name for job in plan.jobs] == [
        "small-3-seed0",
        "small-3-seed1",
        "small-1-seed0",
        "small-1-seed1",
        "full-seed0",
        "full-seed1",
    ]
    job = plan.jobs[1]
    assert job.needs == ("full-seed1",)
    assert job.experiment.model.weights == str(tmp_path / "out" / "runs" / "full-seed1")
    assert job.experiment.distillation is not None
    assert job.experiment.distillation.teacher == job.experiment.model.weights
    assert job.folder == tmp_path / "out" / "runs" / "small-3-seed1"
    order = [job.name for job in plan.to_execute]
    assert order[:2] == ["full-seed0", "small-3-seed0"]
    assert order.index("full-seed1") < order.index("small-3-seed1")


def test_a_pattern_chooses_runs_and_what_they_need(tmp_path: Path) -> None:
    plan = planned(tmp_path, TEACHERS, only="small-1-*0")
    assert [job.name for job in plan.to_execute] == ["full-seed0", "small-1-seed0"]
    assert len(plan.jobs) == 6


def test_a_run_is_named_by_its_own_name_or_its_rows(tmp_path: Path) -> None:
    text = """
    [model]
    weights = "none"
    [[run]]
    name = "full"
    model.num_blocks = [12, 6]
    seed = [0, 1]
    [[run]]
    name = "of-row"
    model.weights = "study:full-6"
    seed = 1
    [[run]]
    name = "of-one"
    model.weights = "study:full-12-seed0"
    seed = 1
    [[run]]
    name = "of-table"
    model = {weights = "study:full", num_blocks = 6, decoder = "compressed"}
    """
    needs = {job.name: job.needs for job in planned(tmp_path, text).jobs[4:]}
    assert needs == {"of-row": ("full-6-seed1",), "of-one": ("full-12-seed0",), "of-table": ("full-6-seed0",)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[run]]\nname = "a"\nmodel.weights = "study:b"\n', ["a names study:b", "no run b", "Runs: a."]),
        (
            '[[run]]\nname = "a"\nmodel.weights = "study:b"\n[[run]]\nname = "b"\nseed = [1, 2]\n',
            ["not one of its seed", "b has b-seed1, b-seed2"],
        ),
        ('[[run]]\nname = "a"\nmodel.weights = "study:a"\n', ["begins after those that it needs", "a needs a"]),
        (
            '[[run]]\nname = "a"\nmodel.weights = "study:b"\n[[run]]\nname = "b"\nmodel.weights = "study:a"\n',
            ["begins after those that it needs", "b needs a"],
        ),
        ("[[run]]\nmodel.depth = 3\n", ["no unknown keys", "model.depth in [[run]] 1", "num_blocks"]),
        ("[[run]]\n[[run]]\nname = 'b'\nmodel.num_blocks = [3, 13]\n", ["model.num_blocks", "13", "[[run]] 2"]),
        ("[[run]]\nname = 'a b'\n", ["name: ", "'a b' in [[run]] 1"]),
    ],
)
def test_runs_that_cannot_be_are_refused(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(UserError) as refused:
        planned(tmp_path, text)
    for word in words:
        assert word in str(refused.value)


def test_a_setting_for_all_runs_is_set_in_all(tmp_path: Path) -> None:
    plan = planned(tmp_path, TEACHERS, overrides=["training.epochs=1", "model.size=small"])
    assert {job.experiment.training.epochs for job in plan.jobs} == {1}
    assert {job.experiment.model.size for job in plan.jobs} == {"small"}


@pytest.mark.parametrize("override", ["seed=3", "model.num_blocks=2", "name=x"])
def test_what_tells_runs_apart_is_not_set_for_all(tmp_path: Path, override: str) -> None:
    with pytest.raises(UserError, match="leaves alone what tells them apart"):
        planned(tmp_path, TEACHERS, overrides=[override])


def test_roots_reach_the_runs_of_their_dataset_alone(tmp_path: Path) -> None:
    file = tmp_path / "made.toml"
    file.write_text('[data]\nimage_size = 48\n[[run]]\ndata.dataset = ["ibsr18", "emidec"]\n')
    plan = plan_study(read_study(file), tmp_path, roots={"emidec": "/somewhere"})
    assert [job.experiment.data.root for job in plan.jobs] == [None, "/somewhere"]
    assert [job.experiment.data.image_size for job in plan.jobs] == [48, 48]
    with pytest.raises(UserError, match=r"synapse.*Datasets: emidec, ibsr18"):
        plan_study(read_study(file), tmp_path, roots={"synapse": "/somewhere"})


def test_a_pattern_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'nothing\*'.*small-3-seed0"):
        planned(tmp_path, TEACHERS, only="nothing*")


def test_a_run_whose_settings_have_changed_is_refused_before_anything_runs(tmp_path: Path) -> None:
    (job,) = planned(tmp_path, "[[run]]\n").jobs
    job.experiment.save(job.folder / "experiment.toml")
    assert planned(tmp_path, "[[run]]\n").jobs == (job,)
    with pytest.raises(
        UserError, match=r"one experiment.*unetr with other settings: there training.epochs is \d+, not 3"
    ):
        planned(tmp_path, "[[run]]\ntraining.epochs = 3\n")


def test_a_job_knows_how_far_it_is(tmp_path: Path) -> None:
    (job,) = planned(tmp_path, "[[run]]\n").jobs
    assert job.state == "new"
    job.folder.mkdir(parents=True)
    (job.folder / "history.csv").touch()
    assert job.state == "begun"
    (job.folder / FAILURE).write_text("The disk is full.\nmore\n")
    assert (job.state, job.failure) == ("failed", "The disk is full.")
    for name in (
        "model.json",
        "model.safetensors",
        "model-last.safetensors",
        "evaluation.json",
        "evaluation-last.json",
    ):
        (job.folder / name).touch()
    assert job.state == "done"
