"""Which model a row is, its Dice, and how it stands against its reference: written once for every format."""

from collections.abc import Callable

from trimformer.records.results import ModelRow, PairedTest, Results
from trimformer.report.formats import interval, number, p_value, percent, plain, signed, signed_interval
from trimformer.report.tables.table import NONE, Cell, Column

ModelColumn = Column[ModelRow]


def identity_columns() -> list[ModelColumn]:
    """Which model a row is, and from which weights it began: the first columns of every table."""
    return [
        Column("Model", "The network, and why it stands in this table.", lambda row: Cell(row.name, row.role)),
        Column(
            "Blocks",
            "Transformer blocks kept; below, the decoder: full, or the smaller compressed one.",
            lambda row: Cell(_count(row.num_blocks), f"{row.decoder} decoder" if row.decoder else ""),
        ),
        Column(
            "Weights",
            "Where training began: pretrained on other images, inherited from the trained full model, distilled from "
            "it (inherited, and the full model as teacher), permuted (a control: the blocks shuffled), or scratch, at "
            "random; below, the seeds trained with.",
            lambda row: Cell(row.weights or NONE, seeds(row)),
        ),
    ]


def seeds(row: ModelRow) -> str:
    """`seed 0`, or `seeds 0, 1, 2`; empty where none is known."""
    if not row.seeds:
        return ""
    return f"seed{'' if len(row.seeds) == 1 else 's'} {', '.join(map(str, row.seeds))}"


def class_names(results: Results) -> list[str]:
    """The classes of these data, as the first row has them."""
    return list(results.models[0].dice.by_class) if results.models else []


def mean_dice_column() -> ModelColumn:
    """The main figure."""
    return Column(
        "Mean Dice",
        "Overlap with the truth, 0 none to 1 perfect: per patient on the volume's own grid, then the mean over "
        "patients and classes; below, its 95 % interval over patients, and over seeds where there are several.",
        lambda row: Cell(number(row.dice.mean), interval(row.dice.ci95)),
    )


def class_dice_column(name: str) -> ModelColumn:
    """The Dice of one class."""
    return Column(
        plain(name),
        "The Dice of this class alone, with its 95 % interval below.",
        lambda row: Cell(number(row.dice.by_class.get(name)), interval(row.dice.ci95_by_class.get(name))),
    )


def last_epoch_column() -> ModelColumn:
    """The Dice that no selection has touched."""
    return Column(
        "Last epoch",
        "Mean Dice with the weights of the last epoch in place of the best one on the selection patients.",
        lambda row: Cell(number(row.dice.mean_last_epoch)),
    )


def comparison_columns(margin: float) -> list[ModelColumn]:
    """Each model against the row that it is compared with."""
    return [
        Column(
            "Compared with",
            "The row that this one's change, saving and test are counted against.",
            lambda row: Cell(row.reference or NONE),
        ),
        change_column(),
        Column(
            "Difference",
            "Mean of the patients' own differences in Dice, this model minus the one it is compared with; below, the "
            "95 % interval.",
            lambda row: of_test(row, lambda test: Cell(signed(test.mean_difference), signed_interval(test.ci95))),
        ),
        Column(
            "p (Holm)",
            "Two-sided paired t-test, adjusted for looking at several models (Holm); no p-value with fewer than 6 "
            "patients. It asks whether there is a difference, the verdict whether the model is worse by more than the "
            "margin.",
            lambda row: of_test(row, lambda test: Cell(p_value(test.p_value), _pairs(test))),
        ),
        verdict_column(margin),
    ]


def change_column() -> ModelColumn:
    """% Dice change, equation 4 of the paper."""
    return Column(
        "Change",
        "Change of the mean Dice in percent of the model compared with: 100 (own − its) / its, equation 4 of the "
        "paper.",
        lambda row: Cell(_percent_change(row)),
    )


def verdict_column(margin: float) -> ModelColumn:
    """The paired test in words."""
    return Column(
        "Verdict",
        f"Not inferior: the whole interval of the difference lies above −{margin:g} Dice; inferior: it lies below; "
        "undecided: it holds that margin; too few patients: fewer than 6. Below, where undecided, how likely so many "
        "patients show a model that is as good to be not inferior, and how many would do so in four cases of five.",
        lambda row: of_test(row, lambda test: Cell(test.verdict, _power(test))),
    )


def of_test(row: ModelRow, cell: Callable[[PairedTest], Cell]) -> Cell:
    """A cell of the paired test; a dash for a row that is compared with none."""
    return Cell(NONE) if row.versus_reference is None else cell(row.versus_reference)


def _pairs(test: PairedTest) -> str:
    return f"{test.pairs} patient{'' if test.pairs == 1 else 's'}"


def _power(test: PairedTest) -> str:
    if test.verdict != "undecided" or test.power is None:
        return ""
    more = test.patients_needed is not None and test.patients_needed > test.pairs
    needed = f", {test.patients_needed} patients needed" if more else ""
    return f"power {percent(100 * test.power, 0)}{needed}"


def _percent_change(row: ModelRow) -> str:
    change = None if row.role == "reference" else row.dice_change_percent
    return NONE if change is None else f"{signed(change, 2)} %"


def _count(value: int | None) -> str:
    return NONE if value is None else str(value)
