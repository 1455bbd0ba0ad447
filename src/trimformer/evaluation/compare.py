"""Models side by side on the same patients: what each costs and what it saves."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trimformer.evaluation.costs import Costs, measure_costs
from trimformer.evaluation.exports import Unscored
from trimformer.evaluation.refusals import refuse_evaluation_on_seen, refuse_unlike
from trimformer.evaluation.row_figures import against_reference, baseline_row, row_figures, unscored_row
from trimformer.evaluation.rows import Candidate, Row, references, rows_of
from trimformer.evaluation.statistics import paired_tests
from trimformer.records.depth import DepthChoice
from trimformer.records.errors import UserError
from trimformer.records.evaluation import Evaluation
from trimformer.records.progress import Progress, silent
from trimformer.records.results import ModelRow, PatientCounts, Results

MARGIN = 0.02
"""A model is not inferior when the interval of its Dice difference lies above minus this."""

MARGINS = (0.005, 0.01, 0.02, 0.03, 0.05)
"""At which an answer is told as well."""


def compare(
    candidates: Sequence[Candidate],
    folder: Path,
    *,
    unscored: Sequence[Unscored] = (),
    baselines: Mapping[str, Evaluation] | None = None,
    depth: DepthChoice | None = None,
    margin: float = MARGIN,
    progress: Progress = silent,
) -> Results:
    """Compare trained runs and exports: those that differ in their seed only are one row, and each has a reference.

    A row is compared with the first one of its own network, and the first one of a network with the first row of all;
    an export with its run.

    Args:
        candidates: The runs, at least one, and exports of runs; all were trained and evaluated on the same data, split
            alike.
        folder: Where results.json will stand; runs are named relative to it.
        unscored: Exports of which only the costs can be told.
        baselines: Scores of predictors that are no network, by name.
        depth: The choice that the comparison belongs to.
        margin: What counts as no worse, in Dice.
        progress: Told while runs are evaluated.

    Raises:
        UserError: Two runs have different data or splits, one has seen the patients that it is judged on, one has no
            weights, or the margin is not between 0 and 1.
    """
    refuse_margin(margin)
    rows = rows_of(candidates, folder)
    evaluations = _evaluations(rows, progress)
    costs = measure_costs([row.first for row in rows], [one.export for one in unscored], progress)
    figures = _compared(rows, evaluations, costs[: len(rows)], folder, margin)
    bare = [unscored_row(one, cost, folder) for one, cost in zip(unscored, costs[len(rows) :], strict=True)]
    others = [baseline_row(name, evaluation) for name, evaluation in (baselines or {}).items()]
    others = [against_reference(row, figures[0], is_first=False) for row in others]
    return _results([*figures, *bare, *others], candidates[0].run.manifest(), depth, margin)


def _compared(
    rows: Sequence[Row],
    evaluations: Sequence[Mapping[int, Evaluation]],
    costs: Sequence[Costs],
    folder: Path,
    margin: float,
) -> list[ModelRow]:
    """Every row's figures, its changes against its reference, and its test."""
    figures = [
        row_figures(row, list(scores.values()), cost, folder)
        for row, scores, cost in zip(rows, evaluations, costs, strict=True)
    ]
    references_of = references(rows)
    tests = paired_tests(evaluations, references_of, margin)
    return [
        against_reference(row, figures[reference or 0], is_first=reference is None).model_copy(
            update={"versus_reference": test}
        )
        for row, reference, test in zip(figures, references_of, tests, strict=True)
    ]


def refuse_margin(margin: float) -> None:
    """Check that a loss of Dice that does not matter is one.

    Raises:
        UserError: It is not between 0 and 1, which is all the Dice there is.
    """
    if not 0 < margin < 1:
        next_step = "Give the loss of Dice that does not matter, such as 0.02."
        raise UserError("The margin is a Dice above 0 and below 1", margin, next_step)


def _evaluations(rows: Sequence[Row], progress: Progress) -> list[dict[int, Evaluation]]:
    """Every row's evaluations by seed, once they are known to be comparable."""
    found = [
        {candidate.experiment.seed: candidate.evaluation(progress) for candidate in row.candidates} for row in rows
    ]
    runs = [candidate.run for row in rows for candidate in row.candidates]
    evaluations = [evaluation for of_row in found for evaluation in of_row.values()]
    refuse_unlike(runs, evaluations)
    for run, evaluation in zip(runs, evaluations, strict=True):
        refuse_evaluation_on_seen(run, evaluation)
    return found


def _results(rows: Sequence[ModelRow], manifest: dict[str, Any], depth: DepthChoice | None, margin: float) -> Results:
    data = manifest["data"]
    return Results(
        dataset=data["dataset"],
        dataset_note=data.get("note", ""),
        patients=PatientCounts(
            train=len(data["training"]) + len(data["selection"]), validation=len(data["validation"])
        ),
        models=tuple(rows),
        depth=depth.model_dump(mode="json") if depth else None,
        margin=margin,
        seconds={},
        provenance=manifest,
    )
