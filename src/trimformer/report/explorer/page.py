"""A record in, one page out: markup first, then what is needed for the first picture, then the attention."""

from pathlib import Path

from trimformer.records.errors import UserError
from trimformer.records.explorer import Explorer
from trimformer.records.files import write_text
from trimformer.records.slice_pixels import label_colour
from trimformer.report.explorer.document import WINDOWS, document, inline, parts
from trimformer.report.explorer.encode import pack_maps
from trimformer.report.explorer.numbers import slice_numbers, views
from trimformer.report.formats import plain
from trimformer.report.templating import page_template

MOST_CHARACTERS = 18_500_000
"""Of a page's maps, so that with everything else four slices of a base model stay below 25 MB."""


def write_explorer(path: Path, record: Explorer) -> Path:
    """Write the page, one file that asks nothing of the network, and return its path.

    Raises:
        UserError: There is no slice to show, or the file cannot be written.
    """
    write_text(path, render_explorer(record))
    return path


def render_explorer(record: Explorer) -> str:
    """The page as HTML; names from outside reach it as escaped text or JSON alone.

    Raises:
        UserError: There is no slice to show.
    """
    if not record.slices:
        raise UserError("The explorer shows at least one slice", "none", "Ask for one slice or more.")
    numbers = [slice_numbers(shown) for shown in record.slices]
    levels, maps = pack_maps([views(shown) for shown in record.slices], MOST_CHARACTERS)
    return page_template("explorer.html.j2").render(
        record=record,
        legend=[(label_colour(index), plain(name)) for index, name in enumerate(record.labels.values())],
        windows={name: f"{low:g} to {high:g} %" for name, (low, high) in WINDOWS.items()},
        has_relevance=any(shown.relevance is not None for shown in record.slices) and bool(record.labels),
        levels=levels,
        document=inline(document(record, numbers, levels)),
        parts=dict(parts(record, numbers, maps)),
    )
