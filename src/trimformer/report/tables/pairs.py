"""Which models the paper has too, in its order, and which of its rows were not trained here."""

from collections.abc import Sequence
from dataclasses import dataclass

from trimformer.records.paper import ROWS, TABLES
from trimformer.records.results import ModelRow, PaperFigures
from trimformer.report.formats import blocks, listed
from trimformer.report.sources import ModelSources, Sources

PRINTED = {(TABLES[row.dataset], row.parameters): row for row in ROWS}
"""The paper's rows in its order: a table's number and a count of parameters tell one from the others."""


@dataclass(frozen=True)
class Pair:
    """A model that the paper has too: what was measured here, and what is printed there."""

    ours: ModelSources
    paper: PaperFigures
    changes_compare: bool
    """Whether our change and saving are counted against the same full model as the paper's."""

    @property
    def our_change(self) -> float | None:
        """Our % change in Dice, where the paper's is counted alike."""
        return self.ours.row.dice_change_percent if self.changes_compare else None

    @property
    def our_saving(self) -> float | None:
        """Our % of parameters saved, where the paper's is counted alike."""
        return self.ours.row.parameters_saved_percent if self.changes_compare else None


def paper_pairs(sources: Sources) -> list[Pair]:
    """The models that the paper has too, in its order."""
    rows = {model.row.name: model.row for model in sources.models}
    pairs = [
        Pair(model, model.row.paper, _same_full_model(model.row.paper, rows.get(model.row.reference or "")))
        for model in sources.models
        if model.row.paper is not None
    ]
    return sorted(pairs, key=lambda pair: list(PRINTED).index(_key(pair.paper)))


def missing_rows(table: int, pairs: Sequence[Pair]) -> str:
    """The paper's rows that were not trained here; empty where all were."""
    trained = {_key(pair.paper) for pair in pairs}
    missing = [row for key, row in PRINTED.items() if key[0] == table and key not in trained]
    names = [f"{row.model} with {blocks(row.num_blocks)}" for row in missing]
    return f"Of the paper's rows, not here: {listed(names)}." if names else ""


def _same_full_model(paper: PaperFigures, reference: ModelRow | None) -> bool:
    """Whether a row that the paper compresses is compared with the row of the paper's full model."""
    if paper.parameters_saved_percent is None or reference is None or reference.paper is None:
        return False
    own, full = PRINTED[_key(paper)], PRINTED[_key(reference.paper)]
    return own.model == full.model and full.parameters_saved_percent is None


def _key(paper: PaperFigures) -> tuple[int, int]:
    return paper.table, paper.parameters
