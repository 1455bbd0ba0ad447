"""The stores that an experiment asks for."""

from functools import partial

from lightning.pytorch.utilities.rank_zero import rank_zero_only

from trimformer.records.experiment import Experiment
from trimformer.records.run_folder import RunFolder
from trimformer.training.tracking.mirror import Mirror
from trimformer.training.tracking.store import Store


def mirrors_of(run: RunFolder, experiment: Experiment) -> list[Mirror]:
    """One for each store; none is reached before there is something to send."""
    settings = experiment.tracking
    mirrors = []
    if settings.tensorboard:
        mirrors.append(Mirror(run, "TensorBoard", partial(_open_tensorboard, run)))
    if settings.mlflow:
        mirrors.append(Mirror(run, f"MLflow at {settings.mlflow}", partial(_open_mlflow, experiment)))
    return mirrors


def track(run: RunFolder) -> None:
    """Bring the stores of a trained run up to date with what was measured since; the first of several processes does.

    A store that cannot be reached is one warning.
    """
    if rank_zero_only.rank == 0:
        for mirror in mirrors_of(run, run.experiment()):
            mirror.end("FINISHED")


def _open_tensorboard(run: RunFolder, _: str | None) -> Store:
    from trimformer.training.tracking.tensorboard import TensorBoardStore

    return TensorBoardStore(run)


def _open_mlflow(experiment: Experiment, run_id: str | None) -> Store:
    from trimformer.training.tracking.mlflow import MlflowStore

    return MlflowStore(experiment, run_id)
