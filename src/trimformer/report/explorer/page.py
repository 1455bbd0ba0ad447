"""A record in, one page out: markup first, then what is needed for the first picture, then the attention."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from trimformer.records.errors import UserError
from trimformer.records.explorer import Explorer, ExplorerSlice
from trimformer.records.files import write_text
from trimformer.report.explorer.encode import pack_maps, packed
from trimformer.report.explorer.numbers import SliceNumbers, slice_dice, slice_numbers, views
from trimformer.report.formats import plain
from trimformer.report.pictures import colours, contrast_limit, label_colour

MOST_CHARACTERS = 21_500_000
"""Of a page's maps, so that with everything else four slices of a base model stay below 25 MB."""

WINDOWS = {"standard": (1.0, 99.5), "full": (0.0, 100.0), "soft": (5.0, 95.0), "bright": (40.0, 99.9)}
"""Percentiles of the image that become black and white."""

GREYS = 65535


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
    environment = Environment(
        loader=PackageLoader("trimformer.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    numbers = [slice_numbers(shown) for shown in record.slices]
    levels, maps = pack_maps([views(shown) for shown in record.slices], MOST_CHARACTERS)
    return environment.get_template("explorer.html.j2").render(
        record=record,
        legend=[(label_colour(index), plain(name)) for index, name in enumerate(record.labels.values())],
        windows={name: f"{low:g} to {high:g} %" for name, (low, high) in WINDOWS.items()},
        levels=levels,
        document=_inline(_document(record, numbers, levels)),
        parts=dict(_parts(record, numbers, maps)),
    )


def _document(record: Explorer, numbers: list[SliceNumbers], levels: int) -> dict[str, Any]:
    """What the first picture needs, and all that is small."""
    profile = record.profile_distance_mm
    return {
        "blocks": record.num_blocks,
        "heads": record.num_heads,
        "levels": levels,
        "limit": contrast_limit(np.concatenate([shown.maps.mean(axis=1) for shown in record.slices])),
        "colours": packed(colours(np.linspace(0, 1, 256))),
        "labels": [
            {"value": value, "name": plain(name), "colour": label_colour(index)}
            for index, (value, name) in enumerate(record.labels.items())
        ],
        "profile": None if profile is None else [_finite(row.mean()) for row in profile],
        "slices": [
            _slice_document(shown, of_slice, list(record.labels))
            for shown, of_slice in zip(record.slices, numbers, strict=True)
        ],
    }


def _slice_document(shown: ExplorerSlice, numbers: SliceNumbers, values: list[int]) -> dict[str, Any]:
    low, high = float(shown.image.min()), float(shown.image.max())
    span = max(high - low, 1e-12)
    dice = slice_dice(shown, values)
    return {
        "patient": shown.patient_id,
        "index": shown.slice_index,
        "of": shown.num_slices,
        "size": shown.image.shape,
        "grid": shown.grid_size,
        "spacing": shown.spacing_mm,
        "sides": shown.sides,
        "image": packed(np.rint((shown.image.astype(np.float64) - low) / span * GREYS).astype(np.uint16)),
        "windows": {
            name: [float(value - low) / span * GREYS for value in np.percentile(shown.image, percentiles)]
            for name, percentiles in WINDOWS.items()
        },
        "labels": None if shown.labels is None else packed(shown.labels.astype(np.uint8)),
        "dice": None if dice is None else dice.tolist(),
        "sinks": [[np.flatnonzero(view).tolist() for view in block] for block in numbers.sinks],
    }


def _parts(record: Explorer, numbers: list[SliceNumbers], maps: list[list[str]]) -> Iterator[tuple[str, str]]:
    """What is read after the first picture, slice by slice: element ids and their text."""
    for place, (shown, of_slice, blocks) in enumerate(zip(record.slices, numbers, maps, strict=True)):
        figures = (of_slice.distance_mm, of_slice.distance_without_sinks_mm, of_slice.own, of_slice.largest)
        yield f"numbers-{place}", packed(np.stack(figures).astype(np.float32))
        yield f"uniform-{place}", packed(of_slice.uniform_mm.astype(np.float32))
        yield f"predictions-{place}", packed(shown.predictions.astype(np.uint8))
        yield from ((f"maps-{place}-{block}", text) for block, text in enumerate(blocks))


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _inline(document: Mapping[str, Any]) -> str:
    """JSON that may stand inside a script element: nothing in it can end the element."""
    return json.dumps(document, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
