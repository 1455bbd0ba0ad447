"""The trained run that a student learns from: loaded, and held against what the student is to do."""

from pathlib import Path
from typing import Any

from trimformer.data.dataset import Dataset
from trimformer.models import SegmentationModel, load_model
from trimformer.models.weights.files import hash_file
from trimformer.records.errors import UserError
from trimformer.records.experiment import Experiment
from trimformer.records.run_folder import RunFolder
from trimformer.records.settings import DistillationSettings
from trimformer.training.distillation import Distillation

SEE_THE_SAME = {"num_classes": "classes", "in_channels": "channels", "image_size": "image size"}
"""What of `settings` a teacher and its student have in common, and how messages call it."""


def load_teacher(settings: DistillationSettings, student: SegmentationModel, dataset: Dataset) -> Distillation:
    """The loss with the best weights of the run that `settings` names.

    Raises:
        UserError: There is no such run, or its model has other classes, channels, image size or, where token maps are
            compared, other token maps.
    """
    run = RunFolder.open(settings.teacher)
    teacher = load_model(run.path)
    for word, name in SEE_THE_SAME.items():
        _refuse_unlike(name, teacher.settings[word], student.settings[word], run)
    labels = {str(value): name for value, name in dataset.labels.items()}
    _refuse_unlike("classes", run.manifest_of_data()["labels"], labels, run)
    if settings.features:
        _refuse_unlike("token maps (width, rows, columns)", _token_map(teacher), _token_map(student), run)
    return Distillation(teacher, settings)


def describe_teacher(experiment: Experiment) -> dict[str, Any] | None:
    """Which weights taught, known by their content; None without a teacher."""
    if experiment.distillation is None:
        return None
    run = RunFolder(Path(experiment.distillation.teacher))
    return {"run": str(run.path), "sha256": hash_file(run.weights_file)}


def refuse_changed_teacher(run: RunFolder, experiment: Experiment) -> None:
    """Hold the teacher against the one that a run which goes on has begun with.

    Raises:
        UserError: The weights of the teacher are others by now.
    """
    if run.manifest().get("teacher") == describe_teacher(experiment):
        return
    raise UserError(
        "A run goes on with the teacher that it began with",
        f"other weights in {experiment.distillation.teacher if experiment.distillation else run.path}",
        f"Restore that run, or delete {run.path} to begin anew.",
    )


def refuse_seen_patients(experiment: Experiment, dataset: Dataset) -> None:
    """Hold the runs that a training begins from or learns from against the patients that it will be reported on.

    Raises:
        UserError: Such a run, of the same data, was trained on one of these patients or chose its epoch by them.
    """
    sources = [experiment.model.weights]
    if experiment.distillation:
        sources.append(experiment.distillation.teacher)
    reported = {patient.patient_id for patient in dataset.validation}
    for run in map(RunFolder, map(Path, sources)):
        if not run.manifest_file.is_file() or not _has_the_data_of(run, experiment):
            continue
        sides = run.manifest_of_data()
        seen = sorted(reported.intersection([*sides["training"], *sides["selection"]]))
        if seen:
            raise UserError(
                "A run that another begins or learns from has not seen the patients that this one is reported on",
                f"{', '.join(seen)} in {run.path}",
                "Use the sides of that run, or a run of these sides.",
            )


def _has_the_data_of(run: RunFolder, experiment: Experiment) -> bool:
    own, other = experiment.data, run.experiment().data
    return (own.dataset, own.root, own.prepared) == (other.dataset, other.root, other.prepared)


def _token_map(model: SegmentationModel) -> tuple[int, ...] | None:
    if not hasattr(model, "transformer"):
        return None
    return (model.transformer.pos_embed.shape[-1], *model.transformer.grid_size)


def _refuse_unlike(what: str, taught: object, learnt: object, run: RunFolder) -> None:
    if taught != learnt or taught is None:
        raise UserError(
            f"A teacher has its student's {what}",
            f"{taught or 'none'} in {run.path}, {learnt or 'none'} in the student",
            "Give a teacher that was trained for the same task, or leave out what cannot be compared.",
        )
