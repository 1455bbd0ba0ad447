"""One model of a comparison: what its row says."""

import os
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from trimformer.evaluation.evaluate import evaluate_run
from trimformer.models import count_parameters
from trimformer.models.weights.files import READERS
from trimformer.records.evaluation import Evaluation
from trimformer.records.progress import Progress
from trimformer.records.results import DiceSummary, ModelRow
from trimformer.records.run_folder import RunFolder
from trimformer.records.settings import ModelSettings


@dataclass(frozen=True)
class Candidate:
    """A trained run with what it is there for."""

    run: RunFolder
    role: str

    @classmethod
    def of(cls, run: RunFolder, *, is_reference: bool) -> "Candidate":
        """A run whose role is what its experiment says."""
        model = run.experiment().model
        if is_reference:
            return cls(run, "reference")
        if model.num_blocks is None:
            return cls(run, "plain U-Net" if model.name == "unet" else str(model.name or model.target))
        return cls(run, "zero blocks" if model.num_blocks == 0 else f"{model.num_blocks} blocks")

    def evaluation(self, progress: Progress) -> Evaluation:
        """Its scores, made now where they are not there yet."""
        if not self.run.evaluation_file.exists() or not self.run.last_evaluation_file.exists():
            return evaluate_run(self.run, progress)
        return Evaluation.load(self.run.evaluation_file)


def run_row(
    candidate: Candidate,
    model: nn.Module,
    reference_model: nn.Module,
    evaluation: Evaluation,
    reference: Evaluation,
    folder: Path,
) -> ModelRow:
    """The row of a trained run; what only several models together tell is left None.

    % parameters saved = 100 (#uC - #C) / #uC (equation 5 of the paper), and how much of it is the transformer's.
    """
    settings = candidate.run.experiment().model
    own, full = count_parameters(model), count_parameters(reference_model)
    has_transformer = own.transformer > 0
    return ModelRow(
        name=candidate.run.name,
        role=candidate.role,
        run=Path(os.path.relpath(candidate.run.path, folder)).as_posix(),
        size=settings.size if settings.name else None,
        num_blocks=settings.num_blocks,
        decoder=settings.decoder if has_transformer else None,
        weights=_weights(settings),
        parameters=own.total,
        parameters_transformer=own.transformer,
        parameters_saved_percent=100 * (full.total - own.total) / full.total,
        parameters_saved_by_blocks_percent=(
            100 * (full.transformer - own.transformer) / full.total if has_transformer else None
        ),
        dice=_dice(evaluation, Evaluation.load(candidate.run.last_evaluation_file)),
        dice_change_percent=_percent_change(evaluation, reference),
        versus_reference=None,
        milliseconds_per_slice=None,
    )


def baseline_row(name: str, evaluation: Evaluation, reference: Evaluation) -> ModelRow:
    """The row of a predictor that is no network: every figure that only a network has is None."""
    network_only = dict.fromkeys(set(ModelRow.model_fields) - {"name", "role", "dice", "dice_change_percent"})
    scores = {"dice": _dice(evaluation, None), "dice_change_percent": _percent_change(evaluation, reference)}
    return ModelRow.model_validate({"name": name, "role": name} | network_only | scores)


def _weights(settings: ModelSettings) -> str:
    """In one word where a model began: `scratch`, `inherited` from a run, or `pretrained`, be it the trunk alone."""
    if settings.weights == "none":
        return "scratch" if settings.trunk_weights in (None, "none") else "pretrained"
    path = Path(settings.weights)
    # A run folder that is gone by now is known by its absolute path, which `compress` writes.
    is_run = path.is_dir() or (path.is_absolute() and path.suffix not in READERS)
    return "inherited" if is_run else "pretrained"


def _dice(evaluation: Evaluation, last: Evaluation | None) -> DiceSummary:
    summary = evaluation.summary
    return DiceSummary(
        mean=evaluation.mean,
        by_class={name: label.mean for name, label in summary.items()},
        ci95=evaluation.ci95,
        ci95_by_class={name: label.ci95 for name, label in summary.items()},
        absent=sum(label.absent for label in summary.values()),
        missed=sum(label.missed for label in summary.values()),
        false_alarm=sum(label.false_alarm for label in summary.values()),
        mean_last_epoch=last.mean if last else None,
    )


def _percent_change(evaluation: Evaluation, reference: Evaluation) -> float | None:
    """% Dice change, 100 (PC - PuC) / PuC (equation 4 of the paper)."""
    if evaluation.mean is None or not reference.mean:
        return None
    return 100 * (evaluation.mean - reference.mean) / reference.mean
