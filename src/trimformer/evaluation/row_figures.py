"""One row of a comparison in figures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trimformer.evaluation.costs import Costs
from trimformer.evaluation.exports import Unscored
from trimformer.evaluation.rows import Candidate, Row, path_from
from trimformer.evaluation.statistics import dice_summary, surface_summary
from trimformer.models.weights.files import READERS
from trimformer.records.evaluation import Evaluation
from trimformer.records.experiment import Experiment
from trimformer.records.model_names import HYBRIDS
from trimformer.records.paper import paper_figures
from trimformer.records.results import DiceSummary, ModelRow, PaperFigures


def row_figures(row: Row, evaluations: Sequence[Evaluation], costs: Costs, folder: Path) -> ModelRow:
    """All that one row tells by itself; what only two rows together tell is left None.

    Args:
        row: The runs of the row.
        evaluations: Of the best weights, one a seed in the row's order.
        costs: Of its model.
        folder: Where results.json will stand.
    """
    experiment = row.first.experiment
    settings, paths, is_export = experiment.model, row.paths(folder), row.first.export is not None
    last = [] if is_export else [Evaluation.load(one.run.last_evaluation_file) for one in row.candidates]
    anatomy = costs.anatomy
    return ModelRow(
        name=row.name,
        role=row.first.role,
        run=None if is_export else paths[0],
        runs=() if is_export else paths,
        exports=paths if is_export else (),
        seeds=row.seeds,
        size=settings.size if settings.name else None,
        num_blocks=settings.blocks_left,
        decoder=settings.decoder if settings.name in HYBRIDS else None,
        weights=weights_in_a_word(experiment),
        parameters=anatomy.parameters.total if anatomy else None,
        parameters_transformer=anatomy.parameters.transformer if anatomy else None,
        parameters_saved_percent=None,
        parameters_saved_by_blocks_percent=None,
        dice=dice_summary(evaluations, last),
        surface=surface_summary(evaluations),
        dice_change_percent=None,
        versus_reference=None,
        multiply_accumulates=anatomy.operations.by_call if anatomy else None,
        multiply_accumulates_by_kernel=anatomy.operations.by_kernel if anatomy else None,
        paper=None if is_export else _paper(row.first, evaluations[0], costs),
        **_measured(costs),
    )


def baseline_row(name: str, evaluation: Evaluation) -> ModelRow:
    """The row of a predictor that is no network: every figure that only a network has is None."""
    scores = {"dice": dice_summary([evaluation]), "surface": surface_summary([evaluation])}
    return _bare_row(name=name, role=name, **scores)


def unscored_row(unscored: Unscored, costs: Costs, folder: Path) -> ModelRow:
    """The row of an export that nobody could score: what it costs, and why there is no more."""
    export, path = unscored.export, path_from(folder, unscored.export.file)
    no_dice = DiceSummary(mean=None, by_class={}, ci95=None, ci95_by_class={}, absent=0, missed=0, false_alarm=0)
    told = {"exports": (path,), "unscored": unscored.reason, "dice": no_dice}
    return _bare_row(name=path, role=export.kind, **told, **_measured(costs))


def _bare_row(**known: Any) -> ModelRow:
    """A row of which everything else is None."""
    unknown = {field for field, info in ModelRow.model_fields.items() if info.is_required()}
    return ModelRow.model_validate(dict.fromkeys(unknown) | known)


def _measured(costs: Costs) -> dict[str, float | None]:
    """What was measured here, under the names of its columns."""
    return {
        "milliseconds_per_slice": costs.latency.median_ms,
        "milliseconds_per_slice_p95": costs.latency.p95_ms,
        "slices_per_second": costs.latency.slices_per_second,
        "peak_memory_mb": costs.peak_memory_mb,
        "resident_mb": costs.resident_mb,
        "file_size_mb": costs.file_size_mb,
    }


def against_reference(row: ModelRow, reference: ModelRow, *, is_first: bool) -> ModelRow:
    """The row with its changes against the reference; the first row's own are zero, and it names no reference.

    % parameters saved = 100 (#uC - #C) / #uC (equation 5 of the paper), and how much of it is the transformer's.
    """
    saved = by_blocks = None
    if row.parameters is not None and reference.parameters:
        saved = 100 * (reference.parameters - row.parameters) / reference.parameters
        if row.num_blocks is not None and reference.parameters_transformer:
            gone = reference.parameters_transformer - (row.parameters_transformer or 0)
            by_blocks = 100 * gone / reference.parameters
    changes = {
        "reference": None if is_first else reference.name,
        "parameters_saved_percent": saved,
        "parameters_saved_by_blocks_percent": by_blocks,
        "dice_change_percent": _percent_change(row.dice, reference.dice),
    }
    return row.model_copy(update=changes)


def _percent_change(own: DiceSummary, reference: DiceSummary) -> float | None:
    """% Dice change, 100 (PC - PuC) / PuC (equation 4 of the paper)."""
    return None if own.mean is None or not reference.mean else 100 * (own.mean - reference.mean) / reference.mean


def weights_in_a_word(experiment: Experiment) -> str:
    """Where a model began: `scratch`, `inherited` from a run, `distilled`, or `pretrained`, be it the trunk alone.

    `permuted` where its blocks were shuffled, wherever they came from.
    """
    settings = experiment.model
    if settings.permuted_blocks:
        return "permuted"
    if experiment.distillation is not None:
        return "distilled"
    if settings.weights == "none":
        return "scratch" if settings.trunk_weights in (None, "none") else "pretrained"
    path = Path(settings.weights)
    # A run folder that is gone by now is known by its absolute path, which `compress` writes.
    is_run = path.is_dir() or (path.is_absolute() and path.suffix not in READERS)
    return "inherited" if is_run else "pretrained"


def _paper(candidate: Candidate, evaluation: Evaluation, costs: Costs) -> PaperFigures | None:
    """The paper's row, unless other blocks than the first were kept, or shuffled: the paper kept those as they are."""
    experiment = candidate.experiment
    model = experiment.model
    if model.permuted_blocks:
        return None
    if model.source_blocks is not None and tuple(model.source_blocks) != tuple(range(len(model.source_blocks))):
        return None
    return paper_figures(
        experiment.data.dataset,
        evaluation.labels.values(),
        model.name,
        costs.anatomy.trunk if costs.anatomy else None,
        model.num_blocks,
        model.decoder,
    )
