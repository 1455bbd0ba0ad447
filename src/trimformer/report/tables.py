"""The models side by side as cells: for the page, as Markdown and as CSV."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trimformer.records.evaluation import Interval
from trimformer.records.results import ModelRow, Results
from trimformer.report.formats import compact, interval, number, percent, plain, signed


@dataclass(frozen=True)
class Cell:
    """What a cell says, and the smaller line beneath it."""

    text: str
    note: str = ""


@dataclass(frozen=True)
class Column:
    """One column: its title, a plain explanation, and the cell it makes of a row."""

    title: str
    explanation: str
    cell: Callable[[ModelRow], Cell]


def columns(results: Results) -> list[Column]:
    """The columns of the main table, the classes of these data among them."""
    return [*_size_columns(), *_dice_columns(results), *_cost_columns(results)]


def _size_columns() -> list[Column]:
    return [
        Column("Model", "The network, and why it stands in this table.", lambda row: Cell(row.name, row.role)),
        Column(
            "Blocks",
            "Transformer blocks kept; below, the decoder: full, or the smaller compressed one.",
            lambda row: Cell(_count(row.num_blocks), f"{row.decoder} decoder" if row.decoder else ""),
        ),
        Column(
            "Parameters",
            "Trainable numbers in the model; below, how many of them belong to the transformer.",
            lambda row: Cell(
                compact(row.parameters),
                "" if row.parameters_transformer is None else f"{compact(row.parameters_transformer)} transformer",
            ),
        ),
        Column("Saved", "Share of the reference's parameters that is gone; below, by blocks alone.", _saved),
    ]


def _dice_columns(results: Results) -> list[Column]:
    classes = list(results.models[0].dice.by_class) if results.models else []
    mean = Column(
        "Mean Dice",
        "Overlap with the truth, 0 none to 1 perfect: per patient on the volume's own grid, then the mean over "
        "patients and classes; below, its 95 % interval over patients.",
        lambda row: Cell(number(row.dice.mean), interval(row.dice.ci95)),
    )
    return [mean, *(_class_column(name) for name in classes)]


def _class_column(name: str) -> Column:
    return Column(
        plain(name),
        "The same for this class alone.",
        lambda row: Cell(number(row.dice.by_class.get(name)), interval(row.dice.ci95_by_class.get(name))),
    )


def _cost_columns(results: Results) -> list[Column]:
    return [
        Column("Change", "Relative change of the mean Dice against the reference, in percent.", _change),
        Column(
            "Against reference",
            "Mean of the patients' own differences in Dice; below, the verdict of the paired test at a margin of "
            f"{results.margin:g} Dice, Holm-adjusted.",
            _versus,
        ),
        Column(
            "Empty masks",
            "Absent / missed / false alarm, counted over patients and classes: class absent in truth and prediction, "
            "left out of the mean; class missed, Dice 0; class only in the prediction, Dice 0.",
            lambda row: Cell(f"{row.dice.absent} / {row.dice.missed} / {row.dice.false_alarm}"),
        ),
        Column(
            "Last epoch",
            "Mean Dice with the weights of the last epoch in place of the best one on the selection patients.",
            lambda row: Cell(number(row.dice.mean_last_epoch)),
        ),
        Column(
            "ms per slice",
            "Time to segment one slice on this machine, the models in turn in one process.",
            lambda row: Cell(number(row.milliseconds_per_slice, 1)),
        ),
    ]


def _saved(row: ModelRow) -> Cell:
    if row.parameters_saved_percent is None or row.role == "reference":
        return Cell("–")
    by_blocks = row.parameters_saved_by_blocks_percent
    return Cell(percent(row.parameters_saved_percent), "" if by_blocks is None else f"{percent(by_blocks)} by blocks")


def _change(row: ModelRow) -> Cell:
    return Cell(
        "–" if row.dice_change_percent is None or row.role == "reference" else f"{signed(row.dice_change_percent, 2)} %"
    )


def _versus(row: ModelRow) -> Cell:
    test = row.versus_reference
    return Cell("–") if test is None else Cell(signed(test.mean_difference), test.verdict)


def _count(value: int | None) -> str:
    return "–" if value is None else str(value)


def to_markdown(results: Results) -> str:
    """The main table as Markdown."""
    shown = columns(results)
    lines = [[column.title for column in shown], ["---"] * len(shown)]
    for row in results.models:
        cells = [column.cell(row) for column in shown]
        lines.append([f"{cell.text} ({cell.note})" if cell.note else cell.text for cell in cells])
    return "".join(f"| {' | '.join(_markdown_safe(text) for text in line)} |\n" for line in lines)


def _markdown_safe(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def to_csv(results: Results) -> str:
    """One line a model, every figure unrounded and in its own column."""
    records = [_flat(row) for row in results.models]
    names = list(dict.fromkeys(name for record in records for name in record))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return buffer.getvalue()


def _flat(row: ModelRow) -> dict[str, Any]:
    record = row.model_dump(exclude={"dice", "versus_reference"})
    record |= {"dice_mean": row.dice.mean, **_bounds("dice", row.dice.ci95)}
    for name, mean in row.dice.by_class.items():
        record |= {f"dice_{name}": mean, **_bounds(f"dice_{name}", row.dice.ci95_by_class.get(name))}
    record |= row.dice.model_dump(include={"absent", "missed", "false_alarm", "mean_last_epoch"})
    if row.versus_reference is not None:
        test = row.versus_reference
        record |= {f"paired_{name}": value for name, value in test.model_dump(exclude={"ci95"}).items()}
        record |= _bounds("paired_difference", test.ci95)
    return record


def _bounds(name: str, ci95: Interval | None) -> dict[str, float | None]:
    low, high = ci95 or (None, None)
    return {f"{name}_low": low, f"{name}_high": high}
