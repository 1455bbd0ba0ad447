"""A run folder or an export, as users name them alike, as a model that is ready for scans."""

from dataclasses import replace
from pathlib import Path

from trimformer.deploy.deployed import Deployed, open_run
from trimformer.deploy.exported.open import is_export, open_export
from trimformer.deploy.trained_on import trained_on, turned_to
from trimformer.records.run_folder import RunFolder


def open_model(path: Path, orientation: str | None = None, trust_target: bool = False) -> Deployed:
    """Load a model for prediction.

    Args:
        path: A trained run, or a file that `trimformer export` wrote.
        orientation: Axis codes to turn every scan to, in place of what the model says.
        trust_target: Whether a user's own network may be imported that a run names.

    Raises:
        UserError: There is no such thing, it is damaged, or it names code.
    """
    if not is_export(path):
        run = RunFolder.open(path)
        return open_run(run, trained_on(run, orientation), trust_target)
    deployed = open_export(path)
    return replace(deployed, trained_on=turned_to(deployed.trained_on, orientation))
