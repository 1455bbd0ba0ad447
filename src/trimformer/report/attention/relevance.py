"""Sheets of relevance: from which patches the model drew a class, on the slice."""

from collections.abc import Sequence

import numpy as np

from trimformer.records.attention_example import AttentionExample, ClassRelevance
from trimformer.report.attention.marks import all_of, orientation, outline
from trimformer.report.attention.pictures import field_pixels, height_to_width
from trimformer.report.attention.sheets import Panel, Row, Scale, Sheet
from trimformer.report.attention.slices import paper_blocks, which
from trimformer.report.formats import blocks as count_blocks
from trimformer.report.formats import plain
from trimformer.report.pictures import contrast_limit

WORDS = (
    "Relevance (Chefer et al. 2021) of every patch for a class on the outlined pixels that the model gives it, through "
    "the attention of the blocks; what skips around them is not seen. It is no reason for the prediction."
)


def relevance(name: str, example: AttentionExample) -> Sheet:
    """The relevance of every patch after the paper's blocks, drawn on the slice; a class a row."""
    shown = paper_blocks(example.num_blocks)
    spread = {drawn: _spread(each, shown) for drawn, each in example.relevance.items()}
    limit = contrast_limit(np.stack(list(spread.values())))
    rows: list[Row] = []
    for drawn, each in example.relevance.items():
        marks = outline(each.mask)
        panels = [
            Panel(
                f"After {count_blocks(block)}",
                field_pixels(example.image, weights, example.grid_size, limit),
                "",
                height_to_width(example),
                all_of(marks, orientation(example)) if not rows and block == shown[0] else marks,
            )
            for block, weights in zip(shown, spread[drawn], strict=True)
        ]
        rows.append(Row(panels, plain(drawn)))
    scale = Scale.around_one(limit, "times an even share of the relevance (log scale)")
    return Sheet(f"Relevance · {name}", f"{WORDS} {which(example)}", rows, len(shown), scale=scale)


def _spread(relevance: ClassRelevance, blocks: Sequence[int]) -> np.ndarray:
    """(blocks, patches), each row summing to 1; even where nothing spoke for the class."""
    chosen = np.maximum(relevance.patches[[block - 1 for block in blocks]], 0).astype(np.float64)
    sums = chosen.sum(axis=1, keepdims=True)
    return np.where(sums > 0, chosen / np.maximum(sums, 1e-300), 1 / chosen.shape[1])
