"""Sheets of one slice: the paper's grid of maps, rollouts drawn on the scan, states of the patches as colours."""

from collections.abc import Mapping, Sequence

import numpy as np

from trimformer.records.attention_example import FIELD_NAMES, HEAD_MEAN, AttentionExample, covered_shares
from trimformer.records.slice_pixels import scan_pixels
from trimformer.report.attention.marks import all_of, mark_query, orientation
from trimformer.report.attention.paper import SINGLE_COLUMN
from trimformer.report.attention.pictures import component_pixels, field_pixels, height_to_width
from trimformer.report.attention.sheets import Panel, Row, Sheet, balanced_rows
from trimformer.report.formats import blocks as count_blocks
from trimformer.report.galleries import PAPER_BLOCKS
from trimformer.report.pictures import attention_pixels, contrast_limit, slice_with_grid

Examples = Mapping[str, AttentionExample]

GRID_WORDS = (
    "Every tile is the attention of one query patch to all patches and stands where that patch lies in the slice."
)
NUM_QUERIES = 3


def paper_blocks(num_blocks: int) -> list[int]:
    """The blocks whose maps the paper prints, and the last one."""
    return sorted({block for block in PAPER_BLOCKS if block <= num_blocks} | {num_blocks})


def grids(name: str, example: AttentionExample, blocks: Sequence[int], head: int | None = None) -> Sheet:
    """The slice, and beside it the grid of maps of every wanted block; the head mean unless a head is named."""
    panels = [_slice_panel(example), *_grid_panels(example, blocks, head, limit := _limit([example], blocks, head))]
    columns, rows = balanced_rows(panels, 3)
    return Sheet(f"Attention maps · {name} · {_head(head)}", f"{GRID_WORDS} {which(example)}", rows, columns, limit)


def one_grid(name: str, example: AttentionExample, block: int, head: int | None = None) -> Sheet:
    """One block's grid of maps as wide as a column."""
    limit = _limit([example], [block], head)
    (panel,) = _grid_panels(example, [block], head, limit)
    words = f"{GRID_WORDS} {which(example)}"
    return Sheet(f"Attention maps · {name} · {_head(head)}", words, [Row([panel])], 1, limit, SINGLE_COLUMN)


def all_heads(name: str, example: AttentionExample, block: int) -> Sheet:
    """The grids of every head of one block, after their mean."""
    heads = [None, *range(1, example.maps.shape[1] + 1)]
    limit = contrast_limit(example.maps[block - 1])
    panels = [
        Panel(
            _head(head).capitalize(),
            attention_pixels(example.attention(block, head), example.grid_size, limit),
            height_to_width=height_to_width(example),
        )
        for head in heads
    ]
    columns, rows = balanced_rows(panels, 4)
    return Sheet(f"Heads of block {block} · {name}", f"{GRID_WORDS} {which(example)}", rows, columns, limit)


def compared_grids(examples: Examples, head: int | None = None) -> Sheet:
    """The grids of several models on the same slice, a model a row, as the paper compares TransUNet with UNETR."""
    wanted = {name: paper_blocks(example.num_blocks) for name, example in examples.items()}
    limit = max(_limit([example], wanted[name], head) for name, example in examples.items())
    rows = [
        Row([_slice_panel(example), *_grid_panels(example, wanted[name], head, limit)], name)
        for name, example in examples.items()
    ]
    words = f"{GRID_WORDS} {which(next(iter(examples.values())))}"
    return Sheet(f"Attention maps compared · {_head(head)}", words, rows, max(len(row.panels) for row in rows), limit)


def rollouts(name: str, example: AttentionExample, field: str) -> Sheet:
    """The cumulative field of some queries after the paper's blocks, drawn on the slice; a query a row."""
    shown = paper_blocks(example.num_blocks)
    queries = far_apart(example, NUM_QUERIES)
    limit = contrast_limit(example.fields[field][np.ix_([block - 1 for block in shown], queries)])
    rows = [Row(_field_panels(example, field, query, shown, limit, query == queries[0])) for query in queries]
    return Sheet(f"{field_title(field)} · {name}", _rollout_words(example), rows, len(shown), limit)


def compared_rollouts(examples: Examples) -> Sheet:
    """The cumulative field of one query in several models on the same slice, a model a row."""
    field = next(field for field in FIELD_NAMES if all(field in example.fields for example in examples.values()))
    queries = {name: far_apart(example, 1)[0] for name, example in examples.items()}
    limit = max(contrast_limit(example.fields[field][:, [queries[name]]]) for name, example in examples.items())
    rows = [
        Row(_field_panels(example, field, queries[name], paper_blocks(example.num_blocks), limit, True), name)
        for name, example in examples.items()
    ]
    words = _rollout_words(next(iter(examples.values())))
    return Sheet(f"{field_title(field)} compared", words, rows, max(len(row.panels) for row in rows), limit)


def feature_maps(name: str, example: AttentionExample) -> Sheet:
    """The states of the patches before the first block and after every block, as colours."""
    captions = ["Before block 1", *(f"After block {block}" for block in range(1, example.num_blocks + 1))]
    counted, grid_size, ratio = example.foreground_patches, example.grid_size, height_to_width(example)
    states = [
        Panel(caption, component_pixels(components, counted, grid_size), f"{100 * shares.sum():.0f} %", ratio)
        for caption, components, shares in zip(captions, example.components, example.explained, strict=True)
    ]
    panels = [Panel("Slice", scan_pixels(example.image), "", ratio, orientation(example)), *states]
    columns, rows = balanced_rows(panels, 5)
    words = (
        "The first three principal components of the patches' states: lightness is the first, blue to yellow the "
        "second, green to red the third; percent: their share of the variance. Axes of each layer are its own, fitted "
        f"to the patches that cover a label; others are pale. {which(example)}"
    )
    return Sheet(f"Feature maps · {name}", words, rows, columns)


def far_apart(example: AttentionExample, count: int) -> list[int]:
    """Query patches of the foreground, far from each other: the most central, then each the farthest from those before.

    Distances are in millimetres where they are known; of equals the first patch is taken. Patches that the foreground
    covers by half come first: one that it only touches shows little of it.
    """
    size = np.array(example.image.shape) / np.array(example.grid_size) * np.array(example.spacing_mm or (1, 1))
    places = np.stack(np.divmod(np.arange(example.maps.shape[-1]), example.grid_size[1]), axis=1) * size
    candidates = np.flatnonzero(covered_shares(example.foreground_or_all, example.grid_size) >= 0.5)
    if len(candidates) < count:
        candidates = np.flatnonzero(example.foreground_patches)
    centre = places[candidates].mean(axis=0)
    chosen = [int(candidates[np.linalg.norm(places[candidates] - centre, axis=1).argmin()])]
    while len(chosen) < min(count, len(candidates)):
        distances = np.linalg.norm(places[candidates][:, None] - places[chosen][None], axis=2).min(axis=1)
        chosen.append(int(candidates[distances.argmax()]))
    return chosen


def _grid_panels(example: AttentionExample, blocks: Sequence[int], head: int | None, limit: int) -> list[Panel]:
    ratio = height_to_width(example)  # a tile is a small slice, and the tiles together are one
    return [
        Panel(
            f"Block {block}",
            attention_pixels(example.attention(block, head), example.grid_size, limit),
            _head(head),
            ratio,
        )
        for block in blocks
    ]


def _field_panels(
    example: AttentionExample, field: str, query: int, blocks: Sequence[int], limit: int, oriented: bool
) -> list[Panel]:
    """After each of the blocks; scale bar and sides on the first alone, and there only where they are asked for."""
    frame = mark_query(query, example.grid_size)
    return [
        Panel(
            f"After {count_blocks(block)}",
            field_pixels(example.image, example.fields[field][block - 1, query], example.grid_size, limit),
            "",
            height_to_width(example),
            all_of(frame, orientation(example)) if oriented and block == blocks[0] else frame,
        )
        for block in blocks
    ]


def _slice_panel(example: AttentionExample) -> Panel:
    rows, columns = example.grid_size
    pixels = slice_with_grid(example.image, example.foreground_or_all, example.grid_size)
    return Panel("Slice", pixels, f"{rows} × {columns} patches", height_to_width(example), orientation(example))


def _limit(examples: Sequence[AttentionExample], blocks: Sequence[int], head: int | None) -> int:
    maps = [example.attention(block, head) for example in examples for block in blocks]
    return contrast_limit(np.stack(maps))


def _head(head: int | None) -> str:
    return HEAD_MEAN if head is None else f"head {head}"


def field_title(field: str) -> str:
    """The name of a cumulative field at the start of a line."""
    name = FIELD_NAMES.get(field, field)
    return name[:1].upper() + name[1:]


def which(example: AttentionExample) -> str:
    """Patient and slice, as far as they are known."""
    if not example.patient_id:
        return ""
    place = "" if example.slice_index is None else f", slice {example.slice_index}"
    return f"{example.patient_id}{place}."


def _rollout_words(example: AttentionExample) -> str:
    words = "From which patches the framed query's state comes, when attention is followed through the blocks."
    return f"{words} {which(example)}"
