"""What is wrong with a study, told before hours of work."""

from dataclasses import replace
from pathlib import Path

from trimformer.models.weights.locate import refuse_narrow_trunk, refuse_unobtainable
from trimformer.records.progress import Progress
from trimformer.records.run_folder import RunFolder
from trimformer.study.costs import DataCost, costs_of_data, model_without_data
from trimformer.study.faults import noting, refuse
from trimformer.study.plan import Job, Plan
from trimformer.training.tracking import refuse_missing_extra

ANY_CLASSES = 2
"""Of a model that is made only to see whether it can be, where the data that would tell are not there."""


def refuse_impossible(plan: Plan, progress: Progress) -> None:
    """Prepare all data, make every model without its numbers, and look for the weights that runs begin from.

    Raises:
        UserError: Names every fault of every run that is to be executed, those of the plan first.
    """
    faults = list(plan.faults)
    jobs = [job for job in plan.jobs if job.name in plan.selected and not job.is_done]
    data = costs_of_data((job.experiment.data for job in jobs), progress)
    folders = {job.folder.absolute() for job in plan.jobs}
    for job in jobs:
        cost = data[job.experiment.data]
        with noting(faults, job.name):
            if cost.error is not None:
                raise cost.error
        with noting(faults, job.name):
            _refuse_model(job, cost, folders)
        with noting(faults, job.name):
            refuse_missing_extra(job.experiment.tracking)
    refuse(faults)


def _refuse_model(job: Job, data: DataCost, folders: set[Path]) -> None:
    """Make the model and find what it begins from and learns from; the runs of the study itself come later."""
    known = replace(data, num_classes=data.num_classes or ANY_CLASSES)
    model = model_without_data(job.experiment, known)
    assert model is not None  # its classes are known
    settings = job.experiment.model
    refuse_narrow_trunk(settings.weights, settings.trunk_weights, model.settings)
    if Path(settings.weights) not in folders:
        refuse_unobtainable(settings.weights, model.settings)
    teacher = job.experiment.distillation and Path(job.experiment.distillation.teacher)
    if teacher and teacher not in folders:
        RunFolder.open(teacher)
