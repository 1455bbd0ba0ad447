"""What every run of a study will cost: parameters, operations and, from a step measured here, time."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from trimformer.records.experiment import Experiment
from trimformer.records.history import read_history
from trimformer.records.progress import Progress
from trimformer.records.run_folder import RunFolder
from trimformer.study.costs import DataCost, ModelCost, cost_of_model, costs_of_data
from trimformer.study.faults import Fault, noting, refuse
from trimformer.study.plan import Job, Plan
from trimformer.study.step import StepTimes

PASSES = 3
"""A training step is a forward pass, the gradients of the features and those of the weights, all of one size."""


@dataclass(frozen=True)
class RunEstimate:
    """One run; what cannot be known without its data is None. `seconds` is for the epochs that are left."""

    name: str
    dataset: str
    num_blocks: int | None
    parameters: int | None
    multiply_accumulates: int | None
    epochs: int
    epochs_left: int
    steps_per_epoch: int | None
    seconds: float | None
    state: str


@dataclass(frozen=True)
class StudyEstimate:
    """All selected runs in the order of execution, and why something of them is not known."""

    study: str
    runs: tuple[RunEstimate, ...]
    problems: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """Of all runs whose time is known."""
        return sum(run.seconds or 0.0 for run in self.runs)

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        return asdict(self) | {"seconds": self.seconds}


def estimate_study(plan: Plan, progress: Progress) -> StudyEstimate:
    """Count what the selected runs would cost; nothing is trained.

    The time of a run is that of its batches, of which one is timed here, and a third of it for each batch of selection
    slices, which only goes forwards. Evaluation is left out, and so are the passes of a teacher.

    Raises:
        UserError: The plan has faults, or the settings of runs describe no model: all are told.
    """
    refuse(plan.faults)
    jobs = plan.to_execute
    data = costs_of_data((job.experiment.data for job in jobs), progress)
    runs: list[RunEstimate] = []
    faults: list[Fault] = []
    steps = StepTimes()
    for index, job in enumerate(jobs, start=1):
        section = data[job.experiment.data]
        with noting(faults, job.name):
            runs.append(_estimate(job, section, cost_of_model(job.experiment, section), steps))
        progress("timing a step of each", index, len(jobs))
    refuse(faults)
    problems = tuple(f"{section.dataset}: {cost.error}" for section, cost in data.items() if cost.error)
    return StudyEstimate(plan.study, tuple(runs), problems)


def _estimate(job: Job, data: DataCost, model: ModelCost | None, steps: StepTimes) -> RunEstimate:
    experiment = job.experiment
    epochs_left = _epochs_left(job)
    batches = None if data.training_slices is None else _batches(data.training_slices, experiment.training.batch_size)
    return RunEstimate(
        name=job.name,
        dataset=experiment.data.dataset,
        num_blocks=experiment.model.num_blocks,
        parameters=model.parameters if model else None,
        multiply_accumulates=model.multiply_accumulates if model else None,
        epochs=experiment.training.epochs,
        epochs_left=epochs_left,
        steps_per_epoch=batches and math.ceil(batches / experiment.training.accumulate),
        seconds=None if batches is None else _seconds(experiment, epochs_left, batches, data, steps),
        state=job.state,
    )


def _batches(slices: int, batch_size: int) -> int:
    """Of an epoch, which leaves out what does not fill one."""
    return max(1, slices // batch_size)


def _seconds(experiment: Experiment, epochs: int, batches: int, data: DataCost, steps: StepTimes) -> float:
    if not epochs:
        return 0.0
    forwards = data.selection_slices / experiment.training.batch_size / PASSES
    return epochs * (batches + forwards) * steps.seconds(experiment, data)


def _epochs_left(job: Job) -> int:
    history = RunFolder(job.folder).history_file
    done = len(read_history(history)["epoch"]) if history.exists() else 0
    return 0 if job.is_done else max(0, job.experiment.training.epochs - done)
