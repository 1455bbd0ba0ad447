"""The models of one comparison in four tables: Dice, the comparison itself, size and cost, boundaries and counts."""

from trimformer.records.results import ModelRow, Results
from trimformer.report.remarks import unscored_remarks, weights_remarks
from trimformer.report.tables import columns
from trimformer.report.tables.boundary_columns import count_columns, surface_columns
from trimformer.report.tables.cost_columns import cost_columns, parameter_columns, time_column
from trimformer.report.tables.table import Table, make_table


def model_tables(results: Results) -> list[Table]:
    """All that is known about the models, a model a row, in tables narrow enough for a page."""
    return [_dice_table(results), _comparison_table(results), _cost_table(results), _boundary_table(results)]


def summary_table(results: Results) -> Table:
    """The few columns that say most: for a terminal, and for the top of a study."""
    model, blocks, weights = columns.identity_columns()
    _, saved, *_ = parameter_columns()
    shown = [
        model,
        blocks,
        weights,
        saved,
        columns.mean_dice_column(),
        columns.change_column(),
        columns.verdict_column(results.margin),
        time_column(),
    ]
    notes = [*weights_remarks(results), *unscored_remarks(results)]
    return make_table("summary", f"Models on {results.dataset}", shown, results.models, notes)


def _dice_table(results: Results) -> Table:
    shown = [
        *columns.identity_columns(),
        columns.mean_dice_column(),
        *(columns.class_dice_column(name) for name in columns.class_names(results)),
        columns.last_epoch_column(),
    ]
    patients = results.patients.validation
    note = f"{patients} unseen patient{'' if patients == 1 else 's'} of {results.dataset}, 95 % intervals below."
    return make_table("dice", "Dice", shown, _scored(results), [note, *unscored_remarks(results)])


def _comparison_table(results: Results) -> Table:
    shown = [*columns.identity_columns(), *columns.comparison_columns(results.margin)]
    note = f"A model may lose {results.margin:g} Dice before it counts as inferior."
    return make_table(
        "comparison", "Against the full model", shown, _scored(results), [note, *weights_remarks(results)]
    )


def _cost_table(results: Results) -> Table:
    networks = [row for row in results.models if row.milliseconds_per_slice is not None]
    resident = any(row.resident_mb is not None for row in networks)
    shown = [*columns.identity_columns(), *parameter_columns(), *cost_columns(resident=resident)]
    return make_table("cost", "Size and cost", shown, networks)


def _boundary_table(results: Results) -> Table:
    measured = [row.surface for row in _scored(results) if row.surface is not None]
    names = columns.class_names(results) if measured else []
    tolerance = measured[0].tolerance_mm if measured else None
    shown = [*columns.identity_columns(), *count_columns()]
    if measured:
        shown[3:3] = surface_columns(tolerance, names)
    title = "Boundaries and empty masks" if measured else "Empty masks"
    return make_table("boundary", title, shown, _scored(results))


def _scored(results: Results) -> list[ModelRow]:
    """The models of which more than the costs is known."""
    return [row for row in results.models if not row.unscored]
