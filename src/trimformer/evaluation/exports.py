"""Exported models in a comparison: scored on the patients of the run that they were made of, or costs alone."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from trimformer.evaluation.evaluate import evaluate, unseen_patients
from trimformer.inference.predict import Network, predict_labels
from trimformer.inference.sized_network import SizedNetwork
from trimformer.records.evaluation import Evaluation
from trimformer.records.export_evaluation import ExportEvaluation
from trimformer.records.progress import Progress, under_name
from trimformer.records.run_folder import RunFolder


@dataclass(frozen=True, eq=False)
class Export:
    """An exported model as a comparison needs it.

    `file` is the one that is opened and `kind` says what it is, such as "ONNX fp32"; `digest` tells it from others;
    `reopen` opens it once more, in another process too, which needs the modules named in `libraries`.
    """

    file: Path
    kind: str
    digest: str
    network: SizedNetwork
    file_size_mb: float
    reopen: Callable[[], Network]
    libraries: tuple[str, ...] = ()

    @property
    def evaluation_file(self) -> Path:
        """Its scores, beside it."""
        return self.file.with_name(f"{self.file.name}.evaluation.json")


@dataclass(frozen=True, eq=False)
class Unscored:
    """An export that has no Dice, and why, in words."""

    export: Export
    reason: str


def evaluate_export(export: Export, run: RunFolder, progress: Progress) -> Evaluation:
    """Its scores on the validation patients of the run that it was made of; made now where they are not there yet.

    Raises:
        UserError: The data of the run are not at hand, the run has seen a patient that it is judged on, or the scores
            cannot be written.
    """
    if (known := _known(export, run)) is not None:
        return known
    dataset = unseen_patients(run)
    predict = partial(predict_labels, export.network.network)
    told = under_name(progress, f"evaluating {export.file.name}")
    evaluation = evaluate(predict, dataset.validation, dataset.labels, told)
    ExportEvaluation(digest=export.digest, evaluation=evaluation).save(export.evaluation_file)
    return evaluation


def _known(export: Export, run: RunFolder) -> Evaluation | None:
    """The scores that are there, unless they are of another export under this name or of other patients."""
    if not export.evaluation_file.is_file():
        return None
    found = ExportEvaluation.load(export.evaluation_file)
    of_these = found.digest == export.digest and set(found.evaluation.patients) == set(
        run.manifest_of_data()["validation"]
    )
    return found.evaluation if of_these else None
