"""Models side by side on the same patients: what each costs and what it saves."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trimformer.evaluation.evaluate import evaluate_run
from trimformer.evaluation.scores import patient_means
from trimformer.inference.latency import milliseconds_per_slice
from trimformer.metrics.paired import PairedDifference, holm, paired_difference, verdict
from trimformer.models import ParameterCount, count_parameters, load_model
from trimformer.records.depth import DepthChoice
from trimformer.records.errors import UserError
from trimformer.records.evaluation import Evaluation
from trimformer.records.files import read_json
from trimformer.records.progress import Progress, silent
from trimformer.records.results import DiceSummary, ModelRow, PairedTest, PatientCounts, Results
from trimformer.records.run_folder import RunFolder

MARGIN = 0.02
"""A model is not inferior when the interval of its Dice difference lies above minus this."""


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
            return cls(run, "plain U-Net")
        return cls(run, "zero blocks" if model.num_blocks == 0 else f"{model.num_blocks} blocks")

    def evaluation(self, progress: Progress) -> Evaluation:
        """Its scores, made now where they are not there yet."""
        if not self.run.evaluation_file.exists() or not self.run.last_evaluation_file.exists():
            return evaluate_run(self.run, progress)
        return Evaluation.load(self.run.evaluation_file)


def compare(
    candidates: Sequence[Candidate],
    folder: Path,
    *,
    baselines: Mapping[str, Evaluation] | None = None,
    depth: DepthChoice | None = None,
    seconds: Mapping[str, float] | None = None,
    progress: Progress = silent,
) -> Results:
    """Compare trained runs, the first being the reference of every change.

    Args:
        candidates: The runs; all must have been evaluated on the same patients.
        folder: Where results.json will stand; runs are named relative to it.
        baselines: Scores of predictors that are no network, by name.
        depth: The choice that the comparison belongs to.
        seconds: What was spent on what.
        progress: Told while runs are evaluated.

    Raises:
        UserError: Two runs were evaluated on different patients, or one has no weights.
    """
    evaluations = [candidate.evaluation(progress) for candidate in candidates]
    _check_same_patients(candidates, evaluations)
    models = {candidate.run.name: load_model(candidate.run.path) for candidate in candidates}
    image_size = candidates[0].run.experiment().data.image_size
    latencies = milliseconds_per_slice(models, image_size)
    differences = [_difference(evaluation, evaluations[0]) for evaluation in evaluations]
    tests = _paired_tests(differences)
    reference = count_parameters(models[candidates[0].run.name])
    rows = [
        _row(candidate, evaluation, count_parameters(models[candidate.run.name]), reference, folder)
        | {
            "dice_change_percent": _change(evaluation, evaluations[0]),
            "versus_reference": test,
            "milliseconds_per_slice": latencies[candidate.run.name],
        }
        for candidate, evaluation, test in zip(candidates, evaluations, tests, strict=True)
    ]
    manifest = read_json(candidates[0].run.manifest_file, "Train that run again.")
    data = manifest["data"]
    return Results(
        dataset=data["dataset"],
        dataset_note=data["note"],
        patients=PatientCounts(
            train=len(data["training"]) + len(data["selection"]), validation=len(data["validation"])
        ),
        models=tuple(ModelRow.model_validate(row) for row in [*rows, *_baseline_rows(baselines or {}, evaluations[0])]),
        depth=depth.model_dump(mode="json") if depth else None,
        margin=MARGIN,
        seconds=dict(seconds or {}),
        provenance=manifest,
    )


def _row(
    candidate: Candidate, evaluation: Evaluation, count: ParameterCount, reference: ParameterCount, folder: Path
) -> dict[str, Any]:
    run = candidate.run
    model = run.experiment().model
    is_hybrid = model.num_blocks is not None
    by_blocks = 100 * (reference.transformer - count.transformer) / reference.total
    return {
        "name": run.name,
        "role": candidate.role,
        "run": Path(os.path.relpath(run.path, folder)).as_posix(),
        "size": model.size,
        "num_blocks": model.num_blocks,
        "decoder": model.decoder if is_hybrid else None,
        "weights": "inherited" if model.weights != "none" else "scratch",
        "parameters": count.total,
        "parameters_transformer": count.transformer,
        "parameters_saved_percent": 100 * (reference.total - count.total) / reference.total,
        "parameters_saved_by_blocks_percent": by_blocks if is_hybrid else None,
        "dice": _dice(evaluation, Evaluation.load(run.last_evaluation_file)),
    }


def _baseline_rows(baselines: Mapping[str, Evaluation], reference: Evaluation) -> list[dict[str, Any]]:
    """Rows of predictors without parameters; every figure that only a network has is None."""
    network_only = set(ModelRow.model_fields) - {"name", "role", "dice", "dice_change_percent", "versus_reference"}
    return [
        dict.fromkeys(network_only)
        | {
            "name": name,
            "role": name,
            "dice": _dice(evaluation, None),
            "dice_change_percent": _change(evaluation, reference),
            "versus_reference": None,
        }
        for name, evaluation in baselines.items()
    ]


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


def _change(evaluation: Evaluation, reference: Evaluation) -> float | None:
    """% Dice change, 100 (PC - PuC) / PuC (equation 4 of the paper)."""
    if evaluation.mean is None or not reference.mean:
        return None
    return 100 * (evaluation.mean - reference.mean) / reference.mean


def _difference(evaluation: Evaluation, reference: Evaluation) -> PairedDifference:
    own, other = patient_means(evaluation.patients), patient_means(reference.patients)
    return paired_difference(np.array([own[key] for key in other]), np.array(list(other.values())))


def _paired_tests(differences: Sequence[PairedDifference]) -> list[PairedTest | None]:
    """Each model against the first; p-values adjusted over all of them. The reference has no test."""
    tested = [difference.p_value for difference in differences[1:] if difference.p_value is not None]
    adjusted = iter(holm(tested))
    return [None] + [
        PairedTest(
            mean_difference=difference.mean,
            ci95=difference.ci95,
            p_value=None if difference.p_value is None else next(adjusted),
            pairs=difference.pairs,
            verdict=verdict(difference, MARGIN),
        )
        for difference in differences[1:]
    ]


def _check_same_patients(candidates: Sequence[Candidate], evaluations: Sequence[Evaluation]) -> None:
    reference = evaluations[0]
    for candidate, evaluation in zip(candidates, evaluations, strict=True):
        if evaluation.patients.keys() != reference.patients.keys() or evaluation.labels != reference.labels:
            raise UserError(
                "Runs are compared on the same patients and labels",
                f"{candidate.run.path} and {candidates[0].run.path} differ",
                "Train both on the same [data] section.",
            )
