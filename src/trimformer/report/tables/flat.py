"""Comparisons as CSV: for programs, so every figure is unrounded and in a column of its own."""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from trimformer.records.evaluation import Interval
from trimformer.records.results import ModelRow, Results
from trimformer.report.tables.cost_columns import saved_by_decoder


def to_csv(comparisons: Iterable[Results]) -> str:
    """One line a model, of one comparison or of several."""
    return write_csv([_flat(results, row) for results in comparisons for row in results.models])


def write_csv(records: list[Mapping[str, Any]]) -> str:
    """Records under the names of all their fields, in the order in which they first occur."""
    names = list(dict.fromkeys(name for record in records for name in record))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return buffer.getvalue()


def _flat(results: Results, row: ModelRow) -> dict[str, Any]:
    record = {"dataset": results.dataset} | row.model_dump(exclude={"dice", "surface", "versus_reference", "paper"})
    record |= {"runs": " ".join(row.runs), "exports": " ".join(row.exports), "seeds": " ".join(map(str, row.seeds))}
    record |= {"parameters_saved_by_decoder_percent": saved_by_decoder(row)}
    return record | _dice(row) | _surface(row) | _test(row) | _paper(row)


def _dice(row: ModelRow) -> dict[str, Any]:
    record: dict[str, Any] = {"dice_mean": row.dice.mean, **_bounds("dice", row.dice.ci95)}
    for name, mean in row.dice.by_class.items():
        record |= {f"dice_{name}": mean, **_bounds(f"dice_{name}", row.dice.ci95_by_class.get(name))}
    return record | row.dice.model_dump(include={"absent", "missed", "false_alarm", "mean_last_epoch"})


def _surface(row: ModelRow) -> dict[str, Any]:
    if row.surface is None:
        return {}
    record = row.surface.model_dump(include={"tolerance_mm", "hd95_mm", "surface_dice"})
    record |= {f"hd95_mm_{name}": value for name, value in row.surface.hd95_mm_by_class.items()}
    return record | {f"surface_dice_{name}": value for name, value in row.surface.surface_dice_by_class.items()}


def _test(row: ModelRow) -> dict[str, Any]:
    if row.versus_reference is None:
        return {}
    test = row.versus_reference
    record = {f"paired_{name}": value for name, value in test.model_dump(exclude={"ci95"}).items()}
    return record | _bounds("paired_difference", test.ci95)


def _paper(row: ModelRow) -> dict[str, Any]:
    if row.paper is None:
        return {}
    record = {f"paper_{name}": value for name, value in row.paper.model_dump(exclude={"by_class"}).items()}
    return record | {f"paper_dice_{name}": value for name, value in row.paper.by_class.items()}


def _bounds(name: str, ci95: Interval | None) -> dict[str, float | None]:
    low, high = ci95 or (None, None)
    return {f"{name}_low": low, f"{name}_high": high}
