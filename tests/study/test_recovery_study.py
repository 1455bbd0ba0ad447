"""`studies/recovery.toml`, and the figure that `benchmarks/recovery.py` draws from what it leaves."""

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from trimformer.records.history import write_history
from trimformer.records.run_folder import RunFolder
from trimformer.records.study import read_study
from trimformer.study.plan import Plan, plan_study

ROOT = Path(__file__).parents[2]

DICE = {
    "full": [0.5, 0.6, 0.7, 0.8],
    "scratch-3": [0.3, 0.5, 0.75, 0.7],
    "inherited-3": [0.7, 0.76],
    "distilled-3": [0.6, 0.6],
}


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, found as Python finds it."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("recovery")


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """All runs of the study, none of them done."""
    return plan_study(read_study(ROOT / "studies" / "recovery.toml"), tmp_path)


@pytest.fixture
def done(plan: Plan) -> Path:
    """The folder of the study with made histories."""
    for job in plan.jobs:
        run = RunFolder(job.folder)
        job.experiment.save(run.experiment_file)
        dice = DICE[job.name.partition("-seed")[0]]
        row = {"train_loss": 0.0, "selection_loss": 0.0, "seconds": 1.0}
        rows = [row | {"epoch": epoch, "selection_dice": value} for epoch, value in enumerate(dice)]
        write_history(run.history_file, rows)
    return plan.folder


def test_every_student_has_the_full_model_of_its_own_seed(plan: Plan) -> None:
    experiments = {job.name: job.experiment for job in plan.jobs}
    assert len(experiments) == 12
    for seed in range(3):
        full = str(plan.folder / "runs" / f"full-seed{seed}")
        inherited, distilled = experiments[f"inherited-3-seed{seed}"], experiments[f"distilled-3-seed{seed}"]
        assert (inherited.model.weights, distilled.model.weights) == (full, full)
        assert inherited.distillation is None
        assert distilled.distillation is not None
        assert distilled.distillation.teacher == full
        scratch = experiments[f"scratch-3-seed{seed}"]
        assert 3 * inherited.training.epochs == 3 * distilled.training.epochs == scratch.training.epochs


def test_the_first_epoch_that_is_as_good_is_counted_from_one(benchmark: ModuleType) -> None:
    assert benchmark.epochs_to_reach(np.array([0.1, 0.5, 0.4]), 0.5) == 2
    assert benchmark.epochs_to_reach(np.array([0.1, 0.5]), 0.6) is None


def test_the_table_says_when_each_model_is_as_good_as_the_one_from_scratch(
    benchmark: ModuleType, done: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    curves = benchmark.read_curves(done)
    assert benchmark.report(curves)  # a third of 4 epochs: the first
    printed = capsys.readouterr().out
    assert "seed 0: from scratch 0.700 after epoch 4, 0.750 in its best" in printed
    reached = "0.700 after epoch 1, 0.760 after epoch 2; last Dice from scratch reached in epoch 1, best in epoch 2"
    assert f"inherited-3  {reached}" in printed
    assert "distilled-3: in at most a third of the epochs with 0 of 3 seeds" in printed
    benchmark.draw(curves, done / "curve.png")
    assert (done / "curve.png").read_bytes().startswith(b"\x89PNG")
    slow = {name: runs for name, runs in curves.items() if name != "inherited-3"}
    assert not benchmark.report(slow)
