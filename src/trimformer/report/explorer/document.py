"""What a page carries beside its markup: a document for the first picture, and parts that are read after it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from trimformer.records.explorer import Explorer, ExplorerRelevance, ExplorerSlice, ExplorerVolume
from trimformer.records.slice_pixels import label_colour
from trimformer.report.explorer.encode import packed
from trimformer.report.explorer.numbers import SliceNumbers, slice_dice
from trimformer.report.formats import plain
from trimformer.report.pictures import colours, contrast_limit

WINDOWS = {"standard": (1.0, 99.5), "full": (0.0, 100.0), "soft": (5.0, 95.0), "bright": (40.0, 99.9)}
"""Percentiles of a patient's slices that become black and white."""

GREYS = 65535


def document(record: Explorer, numbers: list[SliceNumbers], levels: int) -> dict[str, Any]:
    """What the first picture needs, and all that is small."""
    profile = record.profile_distance_mm
    patients = list(record.volumes)
    return {
        "blocks": record.num_blocks,
        "heads": record.num_heads,
        "depths": record.num_depths,
        "levels": levels,
        "limit": contrast_limit(np.concatenate([shown.maps.mean(axis=1) for shown in record.slices])),
        "colours": packed(colours(np.linspace(0, 1, 256))),
        "labels": [
            {"value": value, "name": plain(name), "colour": label_colour(index)}
            for index, (value, name) in enumerate(record.labels.items())
        ],
        "profile": None if profile is None else _finite(profile.mean(axis=1)),
        "volumes": [_volume(volume) for volume in record.volumes.values()],
        "slices": [
            {
                **_slice(shown, of_slice, list(record.labels)),
                "windows": _windows([each.image for each in record.slices if each.patient_id == shown.patient_id]),
                "volume": _place(shown.patient_id, patients),
            }
            for shown, of_slice in zip(record.slices, numbers, strict=True)
        ],
    }


def parts(record: Explorer, numbers: list[SliceNumbers], maps: list[list[str]]) -> Iterator[tuple[str, str]]:
    """What is read after the first picture, slice by slice, then the volumes: element ids and their text."""
    for place, (shown, of_slice, blocks) in enumerate(zip(record.slices, numbers, maps, strict=True)):
        figures = (of_slice.distance_mm, of_slice.distance_without_sinks_mm, of_slice.own, of_slice.largest)
        yield f"numbers-{place}", packed(np.stack(figures).astype(np.float32))
        yield f"uniform-{place}", packed(of_slice.uniform_mm.astype(np.float32))
        yield f"predictions-{place}", packed(shown.predictions.astype(np.uint8))
        if shown.relevance is not None:
            yield f"relevance-{place}", packed(shown.relevance.patches.astype(np.float32))
        yield from ((f"maps-{place}-{block}", text) for block, text in enumerate(blocks))
    for place, volume in enumerate(record.volumes.values()):
        yield f"volume-{place}", packed(volume.images)
        yield f"volume-predictions-{place}", packed(volume.predictions)
        if volume.labels is not None:
            yield f"volume-labels-{place}", packed(volume.labels)


def inline(content: Mapping[str, Any]) -> str:
    """JSON that may stand inside a script element: nothing in it can end the element."""
    return json.dumps(content, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _slice(shown: ExplorerSlice, numbers: SliceNumbers, values: list[int]) -> dict[str, Any]:
    low, high = float(shown.image.min()), float(shown.image.max())
    greys = (shown.image.astype(np.float64) - low) / max(high - low, 1e-12) * GREYS
    dice = slice_dice(shown, values)
    return {
        "patient": shown.patient_id,
        "index": shown.slice_index,
        "of": shown.num_slices,
        "size": shown.image.shape,
        "grid": shown.grid_size,
        "spacing": shown.spacing_mm,
        "sides": shown.sides,
        "image": packed(np.rint(greys).astype(np.uint16)),
        "range": [low, high, GREYS],
        "labels": None if shown.labels is None else packed(shown.labels.astype(np.uint8)),
        "dice": None if dice is None else dice.tolist(),
        "sinks": [[np.flatnonzero(view).tolist() for view in block] for block in numbers.sinks],
        "relevance": None if shown.relevance is None else _relevance(shown.relevance),
    }


def _windows(images: list[np.ndarray]) -> dict[str, list[float]]:
    """Of one patient, so that the greys stay while its slices are paged through."""
    pixels = np.concatenate([image.ravel() for image in images])
    return {name: np.percentile(pixels, percentiles).astype(float).tolist() for name, percentiles in WINDOWS.items()}


def _relevance(relevance: ExplorerRelevance) -> dict[str, Any]:
    return {
        "distance": [_finite(blocks) for blocks in relevance.distance_mm],
        "uniform": _finite(relevance.uniform_mm),
    }


def _volume(volume: ExplorerVolume) -> dict[str, Any]:
    return {
        "size": volume.images.shape,
        "range": [volume.low, volume.high, 255],
        "labelled": volume.labels is not None,
    }


def _place(patient_id: str, patients: list[str]) -> int | None:
    return patients.index(patient_id) if patient_id in patients else None


def _finite(values: np.ndarray) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]
