"""Two real processes on the CPU, which speak gloo, give what one process gives."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from together import KilledError, joint_batch, stop_in_second_epoch, without_dropout

from trimformer.attention.run_measures import MEASURES, measure_run
from trimformer.evaluation.evaluate import evaluate_run
from trimformer.models.dropout import Dropout
from trimformer.records.experiment import Experiment, parse_experiment
from trimformer.records.files import write_json
from trimformer.records.history import read_history
from trimformer.records.patient_measures import PatientMeasures
from trimformer.records.profile import AttentionProfile
from trimformer.records.run_folder import RunFolder
from trimformer.training import train
from trimformer.training.loss import dice_cross_entropy

ROOT = Path(__file__).parents[2]
TORCHRUN = [str(Path(sys.executable).parent / "torchrun"), "--nproc-per-node", "2", "--master-port"]


def free_port() -> str:
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return str(found.getsockname()[1])


def torchrun(*arguments: object) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    command = [*TORCHRUN, free_port(), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=ROOT)


@pytest.fixture(scope="module")
def frozen() -> Experiment:
    return parse_experiment(
        {
            "name": "together",
            "data": {"dataset": "brain", "image_size": 32, "num_patients": 6, "selection_patients": 1},
            "model": {"name": "unetr", "size": "tiny", "num_blocks": 2, "patch_size": 8, "weights": "none"},
            "training": {"epochs": 2, "batch_size": 16, "precision": "32", "batch_norm": "frozen"},
        },
        source="the tests",
    )


@pytest.fixture(scope="module")
def folder(frozen: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process made, and what two made beside it."""
    folder = tmp_path_factory.mktemp("together")
    write_json(folder / "experiment.json", frozen.model_dump(mode="json", exclude_none=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Dropout, "forward", without_dropout)
        train(frozen, folder / "one")
        for copy in ("evaluated", "evaluated-by-one"):
            shutil.copytree(folder / "one", folder / copy)
        with pytest.raises(KilledError):
            train(frozen, folder / "begun-by-one", stop_in_second_epoch)
        ended = torchrun(Path(__file__).with_name("together.py"), folder)
        assert ended.returncode == 0, ended.stderr
        train(frozen, folder / "begun-by-two")
    return folder


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, list[object]]:
    return dict(json.loads((folder / "found.json").read_text()))


def test_the_loss_curve_is_that_of_one_process(folder: Path) -> None:
    one, together = (read_history(folder / name / "history.csv") for name in ("one", "together"))
    for column in ("epoch", "train_loss", "selection_loss", "selection_dice"):
        assert together[column] == pytest.approx(one[column], abs=1e-4), column
    manifest = RunFolder(folder / "together").manifest()
    assert manifest["processes"]["count"] == 2
    assert manifest["processes"]["batch_norm"].startswith("frozen")


@pytest.mark.parametrize("begun", ["begun-by-one", "begun-by-two"])
def test_a_run_goes_on_with_another_number_of_processes(folder: Path, begun: str) -> None:
    one, continued = (read_history(folder / name / "history.csv") for name in ("one", begun))
    assert continued["epoch"].tolist() == [0, 1]
    assert continued["train_loss"] == pytest.approx(one["train_loss"], abs=1e-4)


def test_gradients_are_those_of_the_loss_of_the_joint_batch(found: dict[str, list[object]]) -> None:
    weight, images, labels = joint_batch()
    dice_cross_entropy(images * weight, labels).backward()
    assert weight.grad is not None
    assert found["gradients"] == [pytest.approx(weight.grad.flatten().tolist(), abs=1e-7)] * 2
    halves = sum(dice_cross_entropy(images[half] * weight, labels[half]) for half in (slice(2), slice(2, 4)))
    assert isinstance(halves, torch.Tensor)
    apart = torch.autograd.grad(halves / 2, weight)[0]
    assert not torch.allclose(apart, weight.grad, atol=1e-4), "the mean of two losses would be another"


def test_a_mistake_that_one_process_meets_is_every_process_s(found: dict[str, list[object]]) -> None:
    assert found["ranks"] == [0, 1]
    assert found["errors"] == ["A scan has three axes; found scan.nii: two. Mend it."] * 2


def test_patients_that_were_shared_out_have_the_scores_of_one_process(
    folder: Path, found: dict[str, list[object]]
) -> None:
    alone = RunFolder(folder / "evaluated-by-one")
    expected = evaluate_run(alone)
    assert found["evaluations"] == [expected.model_dump(mode="json")] * 2
    together = RunFolder(folder / "evaluated")
    for one, other in (
        (alone.evaluation_file, together.evaluation_file),
        (alone.last_evaluation_file, together.last_evaluation_file),
    ):
        assert one.read_bytes() == other.read_bytes()
    with np.load(alone.examples_file) as one, np.load(together.examples_file) as other:
        assert all(np.array_equal(one[name], other[name]) for name in one.files)


def test_attention_that_was_measured_in_shares_is_that_of_one_process(
    folder: Path, found: dict[str, list[object]]
) -> None:
    expected = measure_run(RunFolder(folder / "evaluated-by-one"), field_slices=1, field_tokens=1)
    run = RunFolder(folder / "evaluated")
    profile = AttentionProfile.load(run.profile_file, run.profile_arrays)
    assert found["patients"] == [list(expected.profile.patient_ids)] * 2
    assert profile.patient_ids == expected.profile.patient_ids
    assert profile.twin_slices == expected.profile.twin_slices
    for group in ("model", "twin", "uniform", "example"):
        arrays, others = getattr(profile, group), getattr(expected.profile, group)
        assert arrays.keys() == others.keys()
        for key, array in arrays.items():
            assert array == pytest.approx(others[key], abs=1e-6, nan_ok=True), key
    for name in MEASURES:
        measured = PatientMeasures.load(*run.measure_files(name), "")
        for key, array in measured.measures.items():
            assert array == pytest.approx(expected.measures[name].measures[key], abs=1e-6, nan_ok=True), key


def test_a_mistake_is_told_once_and_nothing_is_written(frozen: Experiment, tmp_path: Path) -> None:
    frozen.with_changes(training=frozen.training.model_dump() | {"batch_size": 15}).save(tmp_path / "odd.toml")
    ended = torchrun("-m", "trimformer", "train", tmp_path / "odd.toml", "--out", tmp_path / "run")
    assert ended.returncode != 0
    assert ended.stderr.count("training.batch_size counts the slices of all processes together") == 1
    assert "batches of 15 for 2 processes" in ended.stderr
    assert "14 or 16" in ended.stderr
    assert "exitcode  : 2" in ended.stderr  # torchrun's own report of its processes
    assert not (tmp_path / "run").exists()


def test_tasks_of_slurm_work_together_and_one_speaks(
    folder: Path, tmp_path: Path, trimformer: Callable[..., tuple[int, str, str]]
) -> None:
    run, alone = (shutil.copytree(folder / "one", tmp_path / name) for name in ("run", "alone"))
    port = free_port()
    step = {"STEP_NUM_TASKS": "2", "STEP_NUM_NODES": "1", "STEP_NODELIST": "localhost"}
    tasks = []
    for rank in "01":
        slurm = {f"SLURM_{name}": value for name, value in {**step, "PROCID": rank, "LOCALID": rank}.items()}
        environment = os.environ | slurm | {"MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "trimformer", "evaluate", str(run), "--json"]
        pipe = subprocess.PIPE
        tasks.append(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment))
    (first, errors), (other, more_errors) = (task.communicate() for task in tasks)
    assert [task.returncode for task in tasks] == [0, 0], errors + more_errors
    code, expected, _ = trimformer("evaluate", alone, "--json")
    assert code == 0
    assert json.loads(first) == json.loads(expected)
    assert (other, more_errors) == ("", "")
