"""A run in MLflow: on a server, or in a database on this machine."""

import csv
import io
import logging
import os
import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from lightning.pytorch.loggers import MLFlowLogger

from trimformer.records.experiment import Experiment
from trimformer.records.slice_pixels import Pixels
from trimformer.training.tracking.store import Cell, Parameter, Status

LONGEST_PARAMETER = 250
"""Characters that every version of MLflow takes, and at which Lightning cuts without a word."""

ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # what is trained here is nobody else's business
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # minutes by default; here the next epoch is the next try
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # standard output may be one JSON document
}
"""Settings of MLflow, read when it is imported and at each request; what the user has set stays."""


class MlflowStore:
    """A run of MLflow, reached through Lightning's logger.

    Args:
        experiment: Its name and where it is tracked.
        run_id: The run to go on with; a new one is begun without it, or where that one is gone.

    Raises:
        Exception: Whatever MLflow raises where the store cannot be reached.
    """

    def __init__(self, experiment: Experiment, run_id: str | None) -> None:
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        for name in ("mlflow", "alembic"):  # they tell of every table that a new database gets
            logging.getLogger(name).setLevel(logging.ERROR)
        self._logger = _open(experiment, run_id)
        self._client = self._logger.experiment
        self.run_id: str = self._logger.run_id
        if self.run_id == run_id:
            self._client.update_run(run_id, "RUNNING")

    def parameters(self, values: Mapping[str, Parameter]) -> None:
        """The run's parameters; a long one is cut, and whole in the artifact experiment.toml."""
        self._logger.log_hyperparams({name: _cut(value) for name, value in values.items()})

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """The run's metrics, in one request."""
        self._logger.log_metrics({_plain(name): value for name, value in values.items()}, step)

    def text(self, name: str, content: str) -> None:
        """An artifact."""
        self._client.log_text(self.run_id, content, name)

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """An artifact that MLflow shows as a table."""
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows([columns, *rows])
        self.text(f"{name}.csv", buffer.getvalue())

    def picture(self, name: str, pixels: Pixels) -> None:
        """An artifact."""
        self._client.log_image(self.run_id, pixels, f"{_plain(name)}.png")

    def flush(self) -> None:
        """Every request has been answered already."""

    def end(self, status: Status) -> None:
        """The run's status."""
        self._client.set_terminated(self.run_id, status)


def _open(experiment: Experiment, run_id: str | None) -> MLFlowLogger:
    settings = experiment.tracking
    file = settings.database_file
    if file is not None:
        _must_be_a_database(file)
    logger = MLFlowLogger(
        settings.mlflow_experiment,
        run_name=experiment.name,
        tracking_uri=settings.mlflow,
        artifact_location=None if file is None else (file.parent / "artifacts").as_uri(),
        run_id=run_id,
    )
    if run_id is not None and _is_gone(logger):
        return _open(experiment, None)
    return logger


def _must_be_a_database(file: Path) -> None:
    """One that cannot be opened is told at once: MLflow would try ten times, for a hundred seconds."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA schema_version")


def _is_gone(logger: MLFlowLogger) -> bool:
    from mlflow.exceptions import MlflowException

    try:
        return logger.experiment.get_run(logger.run_id).info.lifecycle_stage == "deleted"
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return True
        raise


def _cut(value: Parameter) -> Parameter:
    text = str(value)
    return value if len(text) <= LONGEST_PARAMETER else f"{text[: LONGEST_PARAMETER - 1]}…"


def _plain(name: str) -> str:
    """With no character that MLflow refuses in names of metrics and artifacts."""
    return re.sub(r"[^\w/. -]", "_", name, flags=re.ASCII)
