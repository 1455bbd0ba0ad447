"""Where a model comes from and how well it did, as an export tells it to people who have never seen the run."""

from pathlib import PurePath
from typing import Any

from trimformer.deploy.deployed import run_digest
from trimformer.evaluation.row_figures import weights_in_a_word
from trimformer.records.evaluation import Evaluation, Finite, Interval
from trimformer.records.frozen import Frozen
from trimformer.records.model_names import HYBRIDS
from trimformer.records.run_folder import RunFolder


class Provenance(Frozen):
    """How the model was made.

    `run_digest` is SHA-256 over the run's description and weights, `dataset` the word of its experiment, `fingerprint`
    that of the training files. `began_with` says where the weights began, and `weights_files` holds the names of the
    files that they were taken from, without their folders, with SHA-256. `trained_with` is the version of Trimformer.
    """

    run_digest: str
    trained_with: str
    dataset: str
    fingerprint: str
    num_training: int
    seed: int
    network: str
    num_blocks: int | None
    decoder: str | None
    began_with: str
    weights_files: dict[str, str]

    @classmethod
    def of(cls, run: RunFolder) -> "Provenance":
        """What a trained run says of itself.

        Raises:
            UserError: The run is damaged.
        """
        experiment, manifest, data = run.experiment(), run.manifest(), run.manifest_of_data()
        model = experiment.model
        return cls(
            run_digest=run_digest(run),
            trained_with=str(manifest.get("trimformer", "unknown")),
            dataset=str(data["dataset"]),
            fingerprint=str(data["fingerprint"]),
            num_training=len(data["training"]),
            seed=experiment.seed,
            network=str(model.name or model.target),
            num_blocks=model.blocks_left,
            decoder=model.decoder if model.name in HYBRIDS else None,
            began_with=weights_in_a_word(experiment),
            weights_files=_weights_files(manifest),
        )


class Reported(Frozen):
    """Mean Dice of the best epoch on a split of patients, with its 95 % interval and the mean of each label."""

    split: str
    num_patients: int
    mean_dice: Finite | None
    ci95: Interval | None
    dice: dict[str, Finite | None]

    @classmethod
    def of(cls, run: RunFolder) -> "Reported | None":
        """What `trimformer evaluate` found, or None where nobody has asked.

        Raises:
            UserError: The evaluation is damaged.
        """
        if not run.evaluation_file.is_file():
            return None
        found = Evaluation.load(run.evaluation_file)
        dice = {name: label.mean for name, label in found.summary.items()}
        return cls(
            split=found.split, num_patients=len(found.patients), mean_dice=found.mean, ci95=found.ci95, dice=dice
        )


def _weights_files(manifest: dict[str, Any]) -> dict[str, str]:
    weights = manifest.get("weights")
    files = weights.get("files") if isinstance(weights, dict) else None
    return {PurePath(str(file["origin"])).name: str(file["sha256"]) for file in files or ()}
