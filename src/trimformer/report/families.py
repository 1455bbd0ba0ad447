"""Models of one kind at several depths, and what the tests say about each kind in one sentence."""

from dataclasses import dataclass
from itertools import groupby

from trimformer.records.results import ModelRow, Results
from trimformer.report.formats import listed

VERDICTS = {
    "not inferior": "not inferior",
    "inferior": "inferior",
    "undecided": "undecided",
    "too few patients": "untested for want of patients",
}


@dataclass(frozen=True)
class Family:
    """One kind of model: the row that the others are compared with, and those others."""

    head: ModelRow
    smaller: tuple[ModelRow, ...]


def has_transformer(row: ModelRow) -> bool:
    """Whether a row is a model with blocks, be they all removed; a control or a baseline is not."""
    return row.num_blocks is not None or bool(row.parameters_transformer)


def families(results: Results) -> list[Family]:
    """The kinds of trained models with a transformer, in the order of their heads; an export is no model of its own."""
    shown = [row for row in results.models if has_transformer(row) and not row.exports]
    heads = {row.reference for row in shown} | {row.name for row in results.models[:1]}
    return [
        Family(row, tuple(other for other in shown if other.reference == row.name and other.name not in heads))
        for row in shown
        if row.name in heads
    ]


def family_sentence(family: Family) -> str:
    """What the tests say about each smaller model of a family; empty where none was compared."""
    tested = [row for row in family.smaller if row.versus_reference is not None]
    subject = _by_depth if _differ_in_depth(family.head, tested) else _by_name
    clauses = [
        f"{subject(list(rows))} {VERDICTS[verdict]}"
        for verdict, rows in groupby(sorted(tested, key=_verdict_order), key=_verdict)
    ]
    return f"{family.head.name}: {'; '.join(clauses)}." if clauses else ""


def _differ_in_depth(head: ModelRow, tested: list[ModelRow]) -> bool:
    """Whether a number of blocks tells each smaller model from the others and from the full one."""
    depths = [row.num_blocks for row in (head, *tested)]
    return None not in depths and len(set(depths)) == len(depths)


def _by_depth(rows: list[ModelRow]) -> str:
    one = [row.num_blocks for row in rows] == [1]
    return f"{listed([str(row.num_blocks) for row in rows])} {'block is' if one else 'blocks are'}"


def _by_name(rows: list[ModelRow]) -> str:
    return f"{listed([row.name for row in rows])} {'is' if len(rows) == 1 else 'are'}"


def _verdict(row: ModelRow) -> str:
    return row.versus_reference.verdict if row.versus_reference else "too few patients"


def _verdict_order(row: ModelRow) -> int:
    return list(VERDICTS).index(_verdict(row))
