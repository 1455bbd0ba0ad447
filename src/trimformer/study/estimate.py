"""What every run of a study will cost: parameters, operations and, from a rate measured here, time."""

from dataclasses import asdict, dataclass
from typing import Any

from trimformer.records.history import read_history
from trimformer.records.progress import Progress
from trimformer.records.run_folder import RunFolder
from trimformer.records.settings import TrainingSettings
from trimformer.study.costs import DataCost, ModelCost, cost_of_model, costs_of_data
from trimformer.study.faults import Fault, noting, refuse
from trimformer.study.plan import Job, Plan
from trimformer.study.rate import training_rate

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

    The time of a run is 3 passes x multiply-accumulates of a slice x slices, over the rate that
    `trimformer.study.rate.training_rate` measures. Evaluation is left out, and so are the passes of a teacher.

    Raises:
        UserError: The plan has faults, or the settings of runs describe no model: all are told.
    """
    refuse(plan.faults)
    jobs = plan.to_execute
    data = costs_of_data((job.experiment.data for job in jobs), progress)
    runs: list[RunEstimate] = []
    faults: list[Fault] = []
    for index, job in enumerate(jobs, start=1):
        section = data[job.experiment.data]
        with noting(faults, job.name):
            runs.append(_estimate(job, section, cost_of_model(job.experiment, section)))
        progress("counting", index, len(jobs))
    refuse(faults)
    problems = tuple(f"{section.dataset}: {cost.error}" for section, cost in data.items() if cost.error)
    return StudyEstimate(plan.study, tuple(runs), problems)


def _estimate(job: Job, data: DataCost, model: ModelCost | None) -> RunEstimate:
    experiment = job.experiment
    epochs_left = _epochs_left(job)
    return RunEstimate(
        name=job.name,
        dataset=experiment.data.dataset,
        num_blocks=experiment.model.num_blocks,
        parameters=model.parameters if model else None,
        multiply_accumulates=model.multiply_accumulates if model else None,
        epochs=experiment.training.epochs,
        epochs_left=epochs_left,
        steps_per_epoch=data.training_slices and max(1, data.training_slices // experiment.training.batch_size),
        seconds=_seconds(experiment.training, epochs_left, data.training_slices, model),
        state=job.state,
    )


def _seconds(settings: TrainingSettings, epochs: int, slices: int | None, model: ModelCost | None) -> float | None:
    if slices is None or model is None:
        return None
    trained_on = slices - slices % settings.batch_size if slices >= settings.batch_size else slices
    operations = PASSES * model.multiply_accumulates * trained_on * epochs
    return operations / training_rate(settings.precision) if operations else 0.0


def _epochs_left(job: Job) -> int:
    history = RunFolder(job.folder).history_file
    done = len(read_history(history)["epoch"]) if history.exists() else 0
    return 0 if job.is_done else max(0, job.experiment.training.epochs - done)
