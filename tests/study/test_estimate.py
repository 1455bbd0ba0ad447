import math
from pathlib import Path

import pytest
from made_datasets import write_ibsr18_misa

from trimformer.data.catalogue import load_dataset
from trimformer.records.experiment import Experiment
from trimformer.records.progress import silent
from trimformer.records.study import read_study
from trimformer.study import step
from trimformer.study.costs import DataCost
from trimformer.study.estimate import StudyEstimate, estimate_study
from trimformer.study.plan import plan_study
from trimformer.study.step import StepTimes

STUDY = """
[data]
dataset = "ibsr18"
root = "ibsr18"
image_size = 32
[model]
size = "tiny"
patch_size = 8
weights = "none"
[training]
epochs = 3
batch_size = 4
{more}
[[run]]
model.num_blocks = [0, 1]
"""

SECONDS_OF_A_STEP = 2.0


@pytest.fixture
def estimated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Estimated":
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(StepTimes, "seconds", lambda *_: SECONDS_OF_A_STEP)
    write_ibsr18_misa(tmp_path / "ibsr18", shape=(32, 3, 32))
    return Estimated(tmp_path)


class Estimated:
    """Estimates the study with more settings of its training."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, more: str = "") -> StudyEstimate:
        file = self.folder / "made.toml"
        file.write_text(STUDY.format(more=more))
        return estimate_study(plan_study(read_study(file), self.folder / "out"), silent)


def test_a_run_takes_its_batches_and_a_third_of_those_of_its_selection(estimated: Estimated) -> None:
    estimate = estimated()
    slices, selection = slices_of(estimated)
    for run in estimate.runs:
        assert run.steps_per_epoch == slices // 4
        assert run.seconds == pytest.approx(3 * (slices // 4 + selection / 4 / 3) * SECONDS_OF_A_STEP)
    assert estimate.seconds == pytest.approx(sum(run.seconds or 0 for run in estimate.runs))


def test_batches_that_are_accumulated_are_one_step_and_no_less_work(estimated: Estimated) -> None:
    one, several = estimated().runs[0], estimated("accumulate = 4").runs[0]
    assert one.steps_per_epoch is not None
    assert several.steps_per_epoch == math.ceil(one.steps_per_epoch / 4)
    assert several.seconds == one.seconds


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often a step was timed, as its length."""
    times: list[int] = []

    def best_seconds(take: object) -> float:
        assert callable(take)
        take()  # a step of the model itself
        times.append(1)
        return float(len(times))

    monkeypatch.setattr(step, "_best_seconds", best_seconds)
    return times


@pytest.mark.parametrize("more", [{}, {"checkpoint_blocks": True}, {"precision": "bf16"}], ids=str)
def test_models_that_differ_in_seed_and_weights_alone_are_timed_once(timed: list[int], more: dict[str, object]) -> None:
    times, data = StepTimes(), DataCost(num_classes=3)
    first = experiment(num_blocks=1, **more)
    assert times.seconds(first, data) == 1.0
    assert times.seconds(first.model_copy(update={"seed": 5, "name": "other"}), data) == 1.0
    assert times.seconds(experiment(num_blocks=2, **more), data) == 2.0
    assert times.seconds(first, data) == 1.0
    assert len(timed) == 2


def test_the_time_of_a_step_is_its_best(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 3.5, 4.0, 4.5, 5.0, 9.0])  # after steps of 3.5 and 0.5 seconds enough is timed
    monkeypatch.setattr("trimformer.study.step.time.perf_counter", lambda: next(clock))
    taken: list[int] = []
    assert step._best_seconds(lambda: taken.append(1)) == 0.5
    assert len(taken) == 1 + 2  # and one before that chooses kernels


def experiment(num_blocks: int, **training: object) -> Experiment:
    model = {"name": "unetr", "size": "tiny", "patch_size": 8, "num_blocks": num_blocks, "weights": "none"}
    return Experiment.model_validate(
        {"data": {"image_size": 32}, "model": model, "training": {"batch_size": 2, **training}}
    )


def slices_of(estimated: Estimated) -> tuple[int, int]:
    """Training and selection slices, counted from the folder: each patient has three."""
    data = plan_study(read_study(estimated.folder / "made.toml"), estimated.folder / "out").jobs[0].experiment.data
    dataset = load_dataset(data, silent)
    return 3 * len(dataset.training), 3 * len(dataset.selection)
