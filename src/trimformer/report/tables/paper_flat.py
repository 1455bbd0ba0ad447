"""The paper's figures beside ours as CSV: one line a figure."""

from collections.abc import Iterable, Iterator
from typing import Any

from trimformer.report.sources import Sources
from trimformer.report.tables.flat import write_csv
from trimformer.report.tables.pairs import Pair, paper_pairs


def paper_csv(comparisons: Iterable[Sources]) -> str:
    """One line a figure: ours, unrounded, and the paper's."""
    pairs = [(pair, sources.results.dataset) for sources in comparisons for pair in paper_pairs(sources)]
    return write_csv([record for pair, dataset in pairs for record in _records(pair, dataset)])


def _records(pair: Pair, dataset: str) -> Iterator[dict[str, Any]]:
    row, paper = pair.ours.row, pair.paper
    model = {
        "table": paper.table,
        "dataset": dataset,
        "model": row.name,
        "num_blocks": row.num_blocks,
        "size": row.size,
        "weights": row.weights,
        "seeds": " ".join(map(str, row.seeds)),
        "epochs": pair.ours.experiment.training.epochs if pair.ours.experiment else None,
    }
    figures: dict[str, tuple[float | None, float | None]]
    figures = {f"dice_{name}": (row.dice.by_class.get(name), printed) for name, printed in paper.by_class.items()}
    figures |= {
        "dice_average": (row.dice.mean, paper.mean),
        "dice_change_percent": (pair.our_change, paper.dice_change_percent),
        "parameters_saved_percent": (pair.our_saving, paper.parameters_saved_percent),
        "parameters": (row.parameters, paper.parameters),
    }
    for name, (ours, printed) in figures.items():
        yield {**model, "figure": name, "ours": ours, "paper": printed}
