"""Which models the paper has too, in its order, and which of its rows were not trained here."""

from collections.abc import Sequence
from dataclasses import dataclass

from trimformer.records.paper import ROWS, TABLES
from trimformer.records.results import PaperFigures
from trimformer.report.formats import blocks, listed
from trimformer.report.sources import ModelSources, Sources

ORDER = {(TABLES[row.dataset], row.parameters): f"{row.model} with {blocks(row.num_blocks)}" for row in ROWS}
"""The paper's rows in its order: a table's number and a count of parameters tell one from the others."""


@dataclass(frozen=True)
class Pair:
    """A model that the paper has too: what was measured here, and what is printed there."""

    ours: ModelSources
    paper: PaperFigures


def paper_pairs(sources: Sources) -> list[Pair]:
    """The models that the paper has too, in its order."""
    pairs = [Pair(model, model.row.paper) for model in sources.models if model.row.paper is not None]
    return sorted(pairs, key=lambda pair: list(ORDER).index(_key(pair.paper)))


def _key(paper: PaperFigures) -> tuple[int, int]:
    return paper.table, paper.parameters


def missing_rows(table: int, pairs: Sequence[Pair]) -> str:
    """The paper's rows that were not trained here; empty where all were."""
    trained = {_key(pair.paper) for pair in pairs}
    names = [name for key, name in ORDER.items() if key[0] == table and key not in trained]
    return f"Of the paper's rows, not here: {listed(names)}." if names else ""
