"""One row of a comparison in figures."""

from collections.abc import Sequence
from pathlib import Path

from trimformer.evaluation.costs import Costs
from trimformer.evaluation.rows import Candidate, Row
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
    settings, runs = experiment.model, row.paths(folder)
    last = [Evaluation.load(candidate.run.last_evaluation_file) for candidate in row.candidates]
    return ModelRow(
        name=row.name,
        role=row.first.role,
        run=runs[0],
        runs=runs,
        seeds=row.seeds,
        size=settings.size if settings.name else None,
        num_blocks=settings.blocks_left,
        decoder=settings.decoder if settings.name in HYBRIDS else None,
        weights=weights_in_a_word(experiment),
        parameters=costs.parameters.total,
        parameters_transformer=costs.parameters.transformer,
        parameters_saved_percent=None,
        parameters_saved_by_blocks_percent=None,
        dice=dice_summary(evaluations, last),
        surface=surface_summary(evaluations),
        dice_change_percent=None,
        versus_reference=None,
        milliseconds_per_slice=costs.latency.median_ms,
        milliseconds_per_slice_p95=costs.latency.p95_ms,
        slices_per_second=costs.latency.slices_per_second,
        multiply_accumulates=costs.operations.by_call,
        multiply_accumulates_by_kernel=costs.operations.by_kernel,
        peak_memory_mb=costs.peak_memory_mb,
        file_size_mb=costs.file_size_mb,
        paper=_paper(row.first, evaluations[0], costs),
    )


def baseline_row(name: str, evaluation: Evaluation) -> ModelRow:
    """The row of a predictor that is no network: every figure that only a network has is None."""
    unknown = {field for field, info in ModelRow.model_fields.items() if info.is_required()} - {"name", "role", "dice"}
    scores = {"dice": dice_summary([evaluation]), "surface": surface_summary([evaluation])}
    return ModelRow.model_validate({"name": name, "role": name} | dict.fromkeys(unknown) | scores)


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
    """Where a model began: `scratch`, `inherited` from a run, `distilled`, or `pretrained`, be it the trunk alone."""
    settings = experiment.model
    if experiment.distillation is not None:
        return "distilled"
    if settings.weights == "none":
        return "scratch" if settings.trunk_weights in (None, "none") else "pretrained"
    path = Path(settings.weights)
    # A run folder that is gone by now is known by its absolute path, which `compress` writes.
    is_run = path.is_dir() or (path.is_absolute() and path.suffix not in READERS)
    return "inherited" if is_run else "pretrained"


def _paper(candidate: Candidate, evaluation: Evaluation, costs: Costs) -> PaperFigures | None:
    """The paper's row, unless other blocks than the first were kept: the paper kept those."""
    experiment = candidate.experiment
    model = experiment.model
    if model.source_blocks is not None and tuple(model.source_blocks) != tuple(range(len(model.source_blocks))):
        return None
    return paper_figures(
        experiment.data.dataset,
        evaluation.labels.values(),
        model.name,
        costs.trunk,
        model.num_blocks,
        model.decoder,
    )
