"""Models side by side on the same patients: what each costs and what it saves."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from trimformer.evaluation.rows import Candidate, baseline_row, run_row
from trimformer.evaluation.scores import patient_means
from trimformer.inference.latency import milliseconds_per_slice
from trimformer.metrics.paired import PairedDifference, holm, paired_difference, verdict
from trimformer.models import load_model
from trimformer.records.depth import DepthChoice
from trimformer.records.errors import UserError
from trimformer.records.evaluation import Evaluation
from trimformer.records.progress import Progress, silent
from trimformer.records.results import PairedTest, PatientCounts, Results

MARGIN = 0.02
"""A model is not inferior when the interval of its Dice difference lies above minus this."""


def compare(
    candidates: Sequence[Candidate],
    folder: Path,
    *,
    baselines: Mapping[str, Evaluation] | None = None,
    depth: DepthChoice | None = None,
    progress: Progress = silent,
) -> Results:
    """Compare trained runs, the first being the reference of every change.

    Args:
        candidates: The runs; all must have been evaluated on the same patients.
        folder: Where results.json will stand; runs are named relative to it.
        baselines: Scores of predictors that are no network, by name.
        depth: The choice that the comparison belongs to.
        progress: Told while runs are evaluated.

    Raises:
        UserError: Two runs were evaluated on different patients, or one has no weights.
    """
    evaluations = [candidate.evaluation(progress) for candidate in candidates]
    _check_same_patients(candidates, evaluations)
    models = [load_model(candidate.run.path) for candidate in candidates]
    latencies = milliseconds_per_slice(models, models[0].in_channels, models[0].image_size)
    rows = [
        run_row(candidate, model, models[0], evaluation, evaluations[0], folder).model_copy(
            update={"versus_reference": test, "milliseconds_per_slice": latency}
        )
        for candidate, model, evaluation, test, latency in zip(
            candidates, models, evaluations, _paired_tests(evaluations), latencies, strict=True
        )
    ]
    rows += [baseline_row(name, evaluation, evaluations[0]) for name, evaluation in (baselines or {}).items()]
    manifest = candidates[0].run.manifest()
    data = manifest["data"]
    return Results(
        dataset=data["dataset"],
        dataset_note=data["note"],
        patients=PatientCounts(
            train=len(data["training"]) + len(data["selection"]), validation=len(data["validation"])
        ),
        models=tuple(rows),
        depth=depth.model_dump(mode="json") if depth else None,
        margin=MARGIN,
        seconds={},
        provenance=manifest,
    )


def _paired_tests(evaluations: Sequence[Evaluation]) -> list[PairedTest | None]:
    """Each model against the first; p-values adjusted over all of them. The reference has no test."""
    differences = [_difference(evaluation, evaluations[0]) for evaluation in evaluations[1:]]
    adjusted = iter(holm([difference.p_value for difference in differences if difference.p_value is not None]))
    return [None] + [
        PairedTest(
            mean_difference=difference.mean,
            ci95=difference.ci95,
            p_value=None if difference.p_value is None else next(adjusted),
            pairs=difference.pairs,
            verdict=verdict(difference, MARGIN),
        )
        for difference in differences
    ]


def _difference(evaluation: Evaluation, reference: Evaluation) -> PairedDifference:
    own, other = patient_means(evaluation.patients), patient_means(reference.patients)
    return paired_difference(np.array([own[key] for key in other]), np.array(list(other.values())))


def _check_same_patients(candidates: Sequence[Candidate], evaluations: Sequence[Evaluation]) -> None:
    reference = evaluations[0]
    for candidate, evaluation in zip(candidates, evaluations, strict=True):
        if evaluation.patients.keys() != reference.patients.keys() or evaluation.labels != reference.labels:
            raise UserError(
                "Runs are compared on the same patients and labels",
                f"{candidate.run.path} and {candidates[0].run.path} differ",
                "Train both on the same [data] section.",
            )
