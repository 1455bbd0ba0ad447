"""Train an experiment into its run folder, or go on where it stopped."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L

from trimformer.data.augmentation import Augmentation
from trimformer.data.catalogue import load_dataset
from trimformer.data.dataset import Dataset
from trimformer.data.training_set import SliceDataset
from trimformer.models import SegmentationModel, canonical_name, save_model
from trimformer.processes.share import as_the_first_sees, first_alone, first_before_others
from trimformer.records.errors import UserError
from trimformer.records.experiment import Experiment
from trimformer.records.files import write_json
from trimformer.records.progress import Progress, silent
from trimformer.records.run_folder import RunFolder
from trimformer.training.batches import selection_batches, training_batches
from trimformer.training.checkpoints import (
    WholeCheckpointIO,
    last_checkpoint,
    load_checkpoint_weights,
    read_checkpoint,
)
from trimformer.training.compilation import Compilation
from trimformer.training.deterministic import lightning_deterministic, own_mode
from trimformer.training.devices import lightning_devices, refuse_uneven_shares
from trimformer.training.distillation import Distillation
from trimformer.training.ending import ended_cleanly
from trimformer.training.finite import FiniteLoss
from trimformer.training.history import HistoryWriter
from trimformer.training.lock import alone_in
from trimformer.training.manifest import describe_run, refuse_changed_data, with_resume
from trimformer.training.mean_loss import MeanLoss
from trimformer.training.memory import shortage_named
from trimformer.training.precise_statistics import PreciseStatistics
from trimformer.training.precision import lightning_precision
from trimformer.training.recomputation import recompute_blocks
from trimformer.training.saving import CheckpointWriter
from trimformer.training.start import starting_model
from trimformer.training.steps import StepReporter
from trimformer.training.stopping import Patience
from trimformer.training.task import SegmentationTask
from trimformer.training.teacher import load_teacher, refuse_changed_teacher, refuse_seen_patients
from trimformer.training.tracking import Tracking, refuse_missing_extra


def train(experiment: Experiment, folder: Path, progress: Progress = silent) -> RunFolder:
    """Train into a run folder; a run that was interrupted goes on from its last checkpoint, a done one is left.

    Raises:
        UserError: The folder holds another experiment or another process trains there, a checkpoint is damaged, the
            settings do not fit, the teacher does another task, a run to begin or learn from has seen the patients that
            are reported on, data or teacher have changed since the run began, the loss is not finite any more, memory
            does not suffice, the disk is full, or tracking is asked for and not installed.
        TerminatedError: The process got SIGTERM; what it had is saved.
    """
    run = claim(experiment, folder)
    if as_the_first_sees(is_trained(run)):
        return run
    refuse_missing_extra(experiment.tracking)
    canonical_name(experiment.model.name, experiment.model.target)  # a wrong name is told before data are read
    refuse_uneven_shares(experiment.training.batch_size)
    with alone_in(run), shortage_named(experiment):
        if not as_the_first_sees(is_trained(run)):
            _train(experiment, run, progress)
    return run


def _train(experiment: Experiment, run: RunFolder, progress: Progress) -> None:
    dataset = first_before_others(lambda: load_dataset(experiment.data, progress))
    refuse_seen_patients(experiment, dataset)
    L.seed_everything(experiment.seed, verbose=False)
    model = first_before_others(lambda: _starting_model(experiment, dataset))
    if experiment.training.checkpoint_blocks:
        recompute_blocks(model)
    teacher = load_teacher(experiment.distillation, model, dataset) if experiment.distillation else None
    precision = lightning_precision(experiment.training.precision)
    first_alone(lambda: _describe(run, experiment, dataset, describe_run(experiment, dataset, model, precision)))
    _fit(model, teacher, experiment, dataset, run, precision, progress)
    first_alone(lambda: _keep_weights(run, model))


def _starting_model(experiment: Experiment, dataset: Dataset) -> SegmentationModel:
    return starting_model(experiment, num_classes=1 + max(dataset.labels), in_channels=dataset.num_channels)


def _keep_weights(run: RunFolder, model: SegmentationModel) -> None:
    for name, file in (("last", run.last_weights_file), ("best", run.weights_file)):
        load_checkpoint_weights(model, run.checkpoints / f"{name}.ckpt")
        save_model(model, file, run.model_file)


def _describe(run: RunFolder, experiment: Experiment, dataset: Dataset, manifest: dict[str, Any]) -> None:
    """Say what the run is made with; one that goes on keeps what it began with."""
    if not last_checkpoint(run).exists():
        experiment.save(run.experiment_file)
        write_json(run.manifest_file, manifest)
        return
    begun = run.manifest()
    refuse_changed_data(begun, dataset)
    refuse_changed_teacher(run, experiment)
    if (now := with_resume(begun, manifest)) != begun:
        write_json(run.manifest_file, now)


def claim(experiment: Experiment, folder: Path) -> RunFolder:
    """The run folder, if it is free or already this experiment's.

    Raises:
        UserError: It holds another experiment.
    """
    run = RunFolder(folder)
    if run.experiment_file.exists() and (difference := run.experiment().first_difference(experiment)):
        raise UserError(
            "A run folder belongs to one experiment",
            f"{run.path} with other settings: there {difference}",
            "Choose another name or --out, or delete that folder.",
        )
    return run


def is_trained(run: RunFolder) -> bool:
    """Whether a training has ended there, so that its weights are final."""
    return all(file.exists() for file in (run.model_file, run.weights_file, run.last_weights_file))


def _fit(
    model: SegmentationModel,
    teacher: Distillation | None,
    experiment: Experiment,
    dataset: Dataset,
    run: RunFolder,
    precision: str,
    progress: Progress,
) -> None:
    settings = experiment.training
    augment = Augmentation(experiment.augmentation) if experiment.augmentation.enabled else None
    slices = SliceDataset(dataset.training, augment, experiment.seed)
    batches = training_batches(slices, settings, experiment.seed)
    selection = selection_batches(SliceDataset(dataset.selection), settings)
    task = SegmentationTask(model, settings, experiment.seed, teacher)
    last = last_checkpoint(run)
    if last.exists():
        read_checkpoint(last)  # a damaged one is told before Lightning trips over it
    with _quiet_lightning(), own_mode():
        trainer = L.Trainer(
            max_epochs=settings.epochs,
            precision=precision,
            accumulate_grad_batches=settings.accumulate,
            deterministic=lightning_deterministic(settings.deterministic),
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            **lightning_devices(model, settings.batch_norm, WholeCheckpointIO()),
            callbacks=[
                FiniteLoss(slices, batches),
                MeanLoss(),
                HistoryWriter(run.history_file),
                Tracking(run, experiment),
                StepReporter(experiment.name, progress),
                *_precise_statistics(experiment, dataset),
                *([] if settings.patience is None else [Patience(settings.patience)]),
                *([Compilation()] if settings.compile else []),
                CheckpointWriter(run.checkpoints, batches, settings.checkpoint_minutes),
            ],
        )
        with ended_cleanly(trainer, last):
            trainer.fit(task, batches, selection, ckpt_path=last if last.exists() else None, weights_only=True)


def _precise_statistics(experiment: Experiment, dataset: Dataset) -> list[PreciseStatistics]:
    settings = experiment.training
    if settings.batch_norm != "precise":
        return []
    return [PreciseStatistics(SliceDataset(dataset.training), settings.batch_size)]


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Without Lightning's advice that does not apply here: slices lie in memory, so loading needs no workers."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*does not have many workers.*")
            warnings.filterwarnings("ignore", message=".*LeafSpec.*")  # of Lightning's own code, since torch 2.15
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
