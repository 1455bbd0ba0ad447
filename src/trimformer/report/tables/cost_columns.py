"""How large a model is, what of the full one is gone, and what a slice costs: written once for every format."""

from trimformer.records.results import ModelRow
from trimformer.report.formats import compact, giga, number, percent
from trimformer.report.tables.columns import ModelColumn
from trimformer.report.tables.table import NONE, Cell, Column


def parameter_columns() -> list[ModelColumn]:
    """How large a model is and what of the reference is gone."""
    return [
        Column(
            "Parameters",
            "Trainable numbers in the model; below, how many of them belong to the transformer.",
            lambda row: Cell(
                compact(row.parameters),
                "" if row.parameters_transformer is None else f"{compact(row.parameters_transformer)} transformer",
            ),
        ),
        Column(
            "Saved",
            "Share of the parameters of the model compared with that is gone: 100 (its − own) / its, equation 5 of "
            "the paper.",
            lambda row: Cell(_saved(row, row.parameters_saved_percent)),
        ),
        Column(
            "by blocks",
            "The part of that saving that the transformer's blocks account for.",
            lambda row: Cell(_saved(row, row.parameters_saved_by_blocks_percent)),
        ),
        Column(
            "by decoder",
            "The rest of that saving: a smaller decoder, or another network.",
            lambda row: Cell(_saved(row, saved_by_decoder(row))),
        ),
    ]


def time_column() -> ModelColumn:
    """How long one slice takes."""
    return Column(
        "ms per slice",
        "Time to segment one slice by itself on this machine, the models in turn in one process: the median; below, "
        "the time that 95 of 100 slices stay under (p95).",
        lambda row: Cell(number(row.milliseconds_per_slice, 1), _p95(row)),
    )


def cost_columns(*, resident: bool = False) -> list[ModelColumn]:
    """What one slice costs on this machine; `resident` adds the memory of a process, which exports have as well."""
    return [
        Column(
            "MACs",
            "Multiply-accumulates of one slice in thousand millions (G), counted from what each layer is asked to do; "
            "below, counted again from the kernels that ran.",
            lambda row: Cell(giga(row.multiply_accumulates), _by_kernel(row)),
        ),
        time_column(),
        Column(
            "Slices/s",
            "Slices segmented in a second on this machine, in batches of 8.",
            lambda row: Cell(number(row.slices_per_second, 1)),
        ),
        Column(
            "Peak MB",
            "The most memory that tensors held at once while a batch of 8 slices was segmented, weights included. Only "
            "PyTorch tells it; an export has a dash.",
            lambda row: Cell(number(row.peak_memory_mb, 0)),
        ),
        *([_resident_column()] if resident else []),
        Column(
            "File MB",
            "Size of the file that the weights are in, in megabytes of 10^6 bytes.",
            lambda row: Cell(number(row.file_size_mb, 1)),
        ),
    ]


def _resident_column() -> ModelColumn:
    return Column(
        "Process MB",
        "By how much a process of its own grew with the model, from before it was loaded to the most while a batch of "
        "8 slices was segmented, as the operating system counts: measured alike for runs and exports, what the library "
        "keeps for itself included. It is another measure than Peak MB, and larger.",
        lambda row: Cell(number(row.resident_mb, 0)),
    )


def saved_by_decoder(row: ModelRow) -> float | None:
    """What of the saving is not the blocks', in percent of the reference; None where nobody split it."""
    total, blocks = row.parameters_saved_percent, row.parameters_saved_by_blocks_percent
    return None if total is None or blocks is None else total - blocks


def _saved(row: ModelRow, share: float | None) -> str:
    return NONE if share is None or row.role == "reference" else percent(share)


def _by_kernel(row: ModelRow) -> str:
    return "" if row.multiply_accumulates_by_kernel is None else giga(row.multiply_accumulates_by_kernel)


def _p95(row: ModelRow) -> str:
    return "" if row.milliseconds_per_slice_p95 is None else f"p95 {number(row.milliseconds_per_slice_p95, 1)}"
