"""A run folder: where everything about one training lies, under fixed names."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimformer.records.errors import UserError
from trimformer.records.experiment import Experiment, read_experiment
from trimformer.records.files import read_json

NEXT_STEP = "Train that run again."

TOLD_OF_DATA = ("dataset", "labels", "fingerprint", "training", "selection", "validation")
"""What a manifest must say of the data, for the run to be compared with another."""


@dataclass(frozen=True)
class RunFolder:
    """The names of the files of one run; nothing is read or made before it is asked for."""

    path: Path

    @classmethod
    def open(cls, path: Path | str) -> "RunFolder":
        """A run that exists.

        Raises:
            UserError: There is no experiment in that folder.
        """
        run = cls(Path(path))
        if not run.experiment_file.is_file():
            raise UserError("A run folder holds experiment.toml", run.path, "Give the folder that train made.")
        return run

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path.resolve().name

    @property
    def experiment_file(self) -> Path:
        """The resolved experiment."""
        return self.path / "experiment.toml"

    @property
    def manifest_file(self) -> Path:
        """Versions, seed, data fingerprint, weights' source, hardware."""
        return self.path / "manifest.json"

    @property
    def history_file(self) -> Path:
        """One row an epoch."""
        return self.path / "history.csv"

    @property
    def checkpoints(self) -> Path:
        """`last.ckpt` and `best.ckpt`, to resume from."""
        return self.path / "checkpoints"

    @property
    def weights_file(self) -> Path:
        """The weights of the best epoch on the selection patients."""
        return self.path / "model.safetensors"

    @property
    def last_weights_file(self) -> Path:
        """The weights of the last epoch."""
        return self.path / "model-last.safetensors"

    @property
    def model_file(self) -> Path:
        """The model's description: enough to rebuild it without the experiment."""
        return self.path / "model.json"

    @property
    def evaluation_file(self) -> Path:
        """Scores per patient and class."""
        return self.path / "evaluation.json"

    @property
    def last_evaluation_file(self) -> Path:
        """The same scores for the weights of the last epoch."""
        return self.path / "evaluation-last.json"

    def counted_otherwise_file(self, unit: str, empty: str) -> Path:
        """Scores by slice, or with another rule for empty masks: beside `evaluation.json`, never in its place."""
        return self.path / f"evaluation-by-{unit}-{empty.replace('_', '-')}.json"

    @property
    def examples_file(self) -> Path:
        """One slice of every evaluated patient: scan, truth and prediction on the model's grid."""
        return self.path / "examples.npz"

    @property
    def volumes_file(self) -> Path:
        """A few evaluated patients whole: scan, truth and prediction, coarse enough for a page."""
        return self.path / "volumes.npz"

    @property
    def profile_file(self) -> Path:
        """The attention profile's means with intervals."""
        return self.path / "attention.json"

    @property
    def profile_arrays(self) -> Path:
        """The attention profile per patient."""
        return self.path / "attention.npz"

    def measure_files(self, name: str) -> tuple[Path, Path]:
        """Means with intervals, and values per patient, of `receptive_field`, `similarity` or `organs`."""
        return self.path / f"{name}.json", self.path / f"{name}.npz"

    @property
    def causal_radius_file(self) -> Path:
        """The Dice that remains when attention beyond a radius is masked."""
        return self.path / "causal_radius.json"

    @property
    def far_sight_file(self) -> Path:
        """The Dice that remains when blocks see no further than their neighbours."""
        return self.path / "far_sight.json"

    @property
    def skipped_blocks_file(self) -> Path:
        """The Dice that remains when the blocks after the first few are the identity."""
        return self.path / "skipped_blocks.json"

    @property
    def depth_file(self) -> Path:
        """The chosen depth and its evidence."""
        return self.path / "depth.json"

    @property
    def criteria_file(self) -> Path:
        """What every criterion chooses, by its name."""
        return self.path / "criteria.json"

    @property
    def measuring_seconds_file(self) -> Path:
        """How long each measure that criteria read took, where a judgement measured it."""
        return self.path / "measuring_seconds.json"

    @property
    def race(self) -> Path:
        """Where the depths that `choose --verify` races are trained."""
        return self.path / "race"

    @property
    def explorer_file(self) -> Path:
        """A page on which the attention of single slices is looked at."""
        return self.path / "explorer.html"

    @property
    def figures(self) -> Path:
        """Pictures."""
        return self.path / "figures"

    @property
    def tensorboard(self) -> Path:
        """What TensorBoard shows of the run, where it was asked for."""
        return self.path / "tensorboard"

    @property
    def tracking_file(self) -> Path:
        """What tracking stores have been sent, and under which number they keep the run."""
        return self.path / "tracking.json"

    def experiment(self) -> Experiment:
        """The experiment as it was resolved when the run began."""
        return read_experiment(self.experiment_file)

    def manifest(self) -> dict[str, Any]:
        """What the run was made with.

        Raises:
            UserError: The file is missing or damaged.
        """
        found = read_json(self.manifest_file, NEXT_STEP)
        if not isinstance(found, dict):
            raise UserError("The file must be a manifest", f"{self.manifest_file}: a {type(found).__name__}", NEXT_STEP)
        return found

    def manifest_of_data(self) -> dict[str, Any]:
        """Which files and patients the run was made with, and on which side each patient was.

        Raises:
            UserError: The manifest is missing or damaged, or does not say it.
        """
        told = self.manifest().get("data")
        data: dict[str, Any] = told if isinstance(told, dict) else {}
        missing = [key for key in TOLD_OF_DATA if key not in data]
        if missing:
            found = f"{self.manifest_file} without data.{missing[0]}"
            raise UserError("A run's manifest says what it was trained on", found, NEXT_STEP)
        return data
