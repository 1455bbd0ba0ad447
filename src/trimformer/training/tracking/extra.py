"""Whether what tracking needs is installed."""

from importlib.util import find_spec

from trimformer.records.errors import UserError
from trimformer.records.tracking import TrackingSettings


def refuse_missing_extra(settings: TrackingSettings) -> None:
    """Hold the stores that are asked for against what is installed.

    Raises:
        UserError: A library is missing.
    """
    wanted = {"tensorboard": settings.tensorboard, "mlflow": bool(settings.mlflow)}
    missing = [name for name, asked in wanted.items() if asked and find_spec(name) is None]
    if missing:
        raise UserError(
            "Tracking needs the extra `tracking`",
            f"{' and '.join(missing)} not installed",
            "Run pip install 'trimformer[tracking]', or leave out the section [tracking].",
        )
