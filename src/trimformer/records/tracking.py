"""The section `[tracking]` of an experiment: where a run is shown beside its folder."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from trimformer.records.settings import Settings

SCHEMES = ("http", "https", "sqlite", "postgresql", "mysql")
"""How the address of an MLflow store may begin; anything without a scheme is a folder."""

_SQLITE = "sqlite:///"


def resolve_tracking_uri(uri: str) -> str:
    """The address with paths from the root of the file system; a folder stands for the database `mlflow.db` in it.

    Raises:
        PydanticCustomError: The scheme is none of `SCHEMES`, the host is missing, or a password stands in it.

    Example:
        >>> resolve_tracking_uri("/data/tracking")
        'sqlite:////data/tracking/mlflow.db'
    """
    if not uri:
        return uri
    if "://" not in uri:
        return f"{_SQLITE}{Path(uri.removeprefix('file:')).expanduser().absolute() / 'mlflow.db'}"
    if uri.startswith(_SQLITE):
        return f"{_SQLITE}{Path(uri.removeprefix(_SQLITE)).expanduser().absolute()}"
    parts = urlsplit(uri)
    if parts.scheme.partition("+")[0] not in SCHEMES or not parts.hostname:
        valid = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise PydanticCustomError("tracking_uri", f"the address of an MLflow store is a folder or begins with {valid}")
    if parts.password:
        raise PydanticCustomError(
            "password",
            "the run folder keeps this address, so no password stands in it: the environment gives it to mlflow",
        )
    return uri


class TrackingSettings(Settings):
    """Which stores show the run; it is the same run wherever it is shown."""

    tensorboard: bool = Field(False, description="whether the folder tensorboard of the run is written")
    mlflow: Annotated[str, AfterValidator(resolve_tracking_uri)] = Field(
        "", description="a server (http://host:5000), a database (sqlite:///file.db) or a folder for one; empty: none"
    )
    mlflow_experiment: str = Field("trimformer", min_length=1, description="the experiment that MLflow lists it under")

    @property
    def database_file(self) -> Path | None:
        """The file of a store that is a SQLite database."""
        return Path(self.mlflow.removeprefix(_SQLITE)) if self.mlflow.startswith(_SQLITE) else None
