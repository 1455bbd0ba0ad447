"""A model that is ready for scans: the network, what it was trained on, and a digest that tells it from others."""

import hashlib
from dataclasses import dataclass

from trimformer.deploy.trained_on import TrainedOn
from trimformer.inference.device import default_device
from trimformer.inference.predict import Network, model_network
from trimformer.models import load_model
from trimformer.models.segmentation_model import SegmentationModel
from trimformer.records.choices import Precision
from trimformer.records.errors import UserError
from trimformer.records.files import read_json
from trimformer.records.run_folder import NEXT_STEP, RunFolder


@dataclass(frozen=True, eq=False)
class Deployed:
    """A network with its `name`, and a `digest` of everything that decides its scores.

    Of an export, `made_of` is the digest of the run that it was made of, and `precision` that of its weights.
    """

    name: str
    digest: str
    trained_on: TrainedOn
    network: Network
    made_of: str | None = None
    precision: Precision = "fp32"


def open_run(run: RunFolder, known: TrainedOn, trust_target: bool = False) -> Deployed:
    """Load the best epoch of a run for prediction; nothing that the run folder holds is executed.

    Args:
        run: A run that is trained.
        known: What the run says about its training scans.
        trust_target: Whether the user's own network may be imported that the run names.

    Raises:
        UserError: The run is damaged, or names code.
    """
    model = load_trusted(run, trust_target).to(default_device())
    return Deployed(run.name, run_digest(run), known, model_network(model))


def load_trusted(run: RunFolder, trust_target: bool) -> SegmentationModel:
    """The network of a run's best epoch, on the CPU; the user's own program is imported only where that is trusted.

    Raises:
        UserError: The run is damaged, or names code.
    """
    _refuse_code(run, trust_target)
    return load_model(run.path, "best")


def run_digest(run: RunFolder) -> str:
    """SHA-256 over description and weights: what decides a run's scores.

    Raises:
        UserError: One of the files is missing.
    """
    digest = hashlib.sha256()
    for file in (run.model_file, run.weights_file):
        try:
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        except OSError as error:
            raise UserError("The file must exist and be readable", f"{file}: {error.strerror}", NEXT_STEP) from None
    return digest.hexdigest()


def _refuse_code(run: RunFolder, trust_target: bool) -> None:
    description = read_json(run.model_file, NEXT_STEP)
    settings = description.get("settings") if isinstance(description, dict) else None
    target = settings.get("target") if isinstance(settings, dict) else None
    if target is not None and not trust_target:
        raise UserError(
            "A run is loaded without executing what it names",
            f"{run.model_file} with the user's own network {target!r}",
            "If you would start that program, add --trust-target.",
        )
