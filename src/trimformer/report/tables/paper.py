"""The paper's Tables 1 to 3 beside what was measured here, class by class."""

from collections.abc import Iterator, Sequence

from trimformer.records.experiment import Experiment
from trimformer.report.formats import compact, listed, number, percent, plain, signed
from trimformer.report.remarks import weights_remarks
from trimformer.report.sources import Sources
from trimformer.report.tables.columns import change_column, identity_columns, seeds
from trimformer.report.tables.cost_columns import parameter_columns
from trimformer.report.tables.pairs import Pair, missing_rows, paper_pairs
from trimformer.report.tables.table import NONE, Cell, Column, Table, make_table

PAPERS_SIZE = "base"

RECIPE = (
    "batch_size",
    "accumulate",
    "learning_rate",
    "weight_decay",
    "beta2",
    "muon_learning_rate",
    "schedule",
    "warmup_epochs",
    "patience",
    "sampling",
)
"""Settings of a training beside its epochs that decide what is learnt."""

PairColumn = Column[Pair]


def paper_tables(sources: Sources) -> list[Table]:
    """One table for each of the paper's that has a row here; none where the data are not the paper's."""
    pairs = paper_pairs(sources)
    numbers = sorted({pair.paper.table for pair in pairs})
    return [_paper_table(number, [pair for pair in pairs if pair.paper.table == number], sources) for number in numbers]


def _paper_table(table: int, pairs: Sequence[Pair], sources: Sources) -> Table:
    notes = [
        "Each cell: ours, and below or in brackets what the paper prints.",
        _unlike_the_paper(pairs),
        missing_rows(table, pairs),
        *weights_remarks(sources.results),
    ]
    title = f"Table {table} of the paper beside ours: {sources.results.dataset}"
    return make_table(f"paper-{table}", title, _columns(pairs), pairs, [note for note in notes if note])


def _columns(pairs: Sequence[Pair]) -> list[PairColumn]:
    name, depth, weights = identity_columns()
    classes = list(dict.fromkeys(name for pair in pairs for name in pair.paper.by_class))
    return [
        Column("Model", name.explanation, lambda pair: Cell(pair.ours.row.name)),
        Column("Blocks", depth.explanation, lambda pair: depth.cell(pair.ours.row)),
        Column("Weights", weights.explanation, lambda pair: Cell(pair.ours.row.weights or NONE)),
        Column("Ours", "The size, epochs and seeds of our model; the paper's are base.", _made_of),
        *(_class_column(label) for label in classes),
        Column(
            "Average",
            "Mean Dice over the classes.",
            lambda pair: beside(number(pair.ours.row.dice.mean), number(pair.paper.mean)),
        ),
        Column(
            "Change",
            f"{change_column().explanation} Ours where its full model is the paper's.",
            lambda pair: beside(_change(pair.our_change), _change(pair.paper.dice_change_percent)),
        ),
        Column(
            "Saved",
            f"{parameter_columns()[1].explanation} Ours where its full model is the paper's.",
            lambda pair: beside(_saved(pair.our_saving), _saved(pair.paper.parameters_saved_percent)),
        ),
        Column(
            "Parameters",
            "Trainable numbers in the model.",
            lambda pair: beside(compact(pair.ours.row.parameters), compact(pair.paper.parameters)),
        ),
    ]


def _class_column(label: str) -> PairColumn:
    return Column(
        plain(label),
        "The Dice of this class.",
        lambda pair: beside(number(pair.ours.row.dice.by_class.get(label)), number(pair.paper.by_class[label])),
    )


def beside(ours: str, paper: str) -> Cell:
    """Our figure with the paper's below it; nothing below where neither has any."""
    return Cell(ours, "" if ours == paper == NONE else f"paper {paper}")


def _change(value: float | None) -> str:
    return NONE if value is None else f"{signed(value, 2)} %"


def _saved(value: float | None) -> str:
    return NONE if value is None else percent(value, 2)


def _made_of(pair: Pair) -> Cell:
    """What our model is, so that nobody takes a tiny one for the paper's."""
    details = [epochs(pair.ours.experiment), seeds(pair.ours.row)]
    return Cell(pair.ours.row.size or NONE, ", ".join(detail for detail in details if detail))


def epochs(experiment: Experiment | None) -> str:
    """How long was trained; empty where the run says nothing."""
    if experiment is None:
        return ""
    count = experiment.training.epochs
    return f"{count} epoch{'' if count == 1 else 's'}"


def _unlike_the_paper(pairs: Sequence[Pair]) -> str:
    """In which sizes and epochs ours differ from the paper's; empty where they do not."""
    differences = list(dict.fromkeys(text for pair in pairs for text in _differences(pair)))
    if not differences:
        return ""
    return f"Not a reproduction of the paper's figures: ours are {listed(differences)}."


def _differences(pair: Pair) -> Iterator[str]:
    size, experiment = pair.ours.row.size, pair.ours.experiment
    if size != PAPERS_SIZE:
        yield f"{size} models in place of {PAPERS_SIZE} ones"
    if experiment is None:
        return
    protocol = Experiment.model_validate({"data": {"dataset": experiment.data.dataset}})
    if experiment.training.epochs != protocol.training.epochs:
        yield f"trained for {epochs(experiment)} in place of {protocol.training.epochs}"
    for setting in RECIPE:
        if (value := getattr(experiment.training, setting)) != getattr(protocol.training, setting):
            yield f"trained with {setting} = {value}"
    if experiment.data.image_size != protocol.data.image_size:
        yield f"given slices of {experiment.data.image_size} pixels in place of {protocol.data.image_size}"
    if pair.ours.row.weights == "scratch":
        yield "begun from scratch in place of pretrained weights"
