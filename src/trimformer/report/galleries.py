"""Rows of pictures with their captions: the attention of a slice, and every model's labels on unseen patients."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trimformer.records.evaluation import Evaluation
from trimformer.records.profile import AttentionProfile
from trimformer.records.slice_pixels import label_colour, overlay_pixels, scan_pixels
from trimformer.report.formats import number, plain
from trimformer.report.pictures import (
    attention_pixels,
    colours,
    contrast_limit,
    difference_pixels,
    png_uri,
    slice_with_grid,
)
from trimformer.report.sources import ModelSources

PAPER_BLOCKS = (1, 2, 3, 6)
"""The blocks whose maps the paper prints."""


@dataclass(frozen=True)
class Picture:
    """One picture with its caption; `note` is the smaller line beneath."""

    source: str
    alt: str
    caption: str
    note: str = ""


@dataclass(frozen=True)
class AttentionGallery:
    """The slice and the grids of maps of some blocks, with their common colour scale."""

    scan: Picture
    maps: tuple[Picture, ...]
    scale: str
    limit: int
    tokens: int


@dataclass(frozen=True)
class PatientGallery:
    """One unseen patient: scan and truth, and each model's labels with their differences from the truth."""

    patient_id: str
    standing: str
    pictures: tuple[Picture, ...]
    differences: tuple[Picture, ...]


def attention_gallery(profile: AttentionProfile) -> AttentionGallery | None:
    """The paper's picture for its blocks and the last one; None where no example slice was kept."""
    if not {"image", "foreground", "maps"} <= profile.example.keys():
        return None
    maps, (rows, columns) = profile.example["maps"], profile.grid_size
    shown = sorted({block for block in PAPER_BLOCKS if block <= len(maps)} | {len(maps)})
    limit = contrast_limit(maps[[block - 1 for block in shown]])
    tokens = rows * columns
    return AttentionGallery(
        Picture(
            png_uri(slice_with_grid(profile.example["image"], profile.example["foreground"], (rows, columns))),
            "The slice, with the borders of the tokens; patches outside the foreground are dimmed.",
            "The slice",
            f"{rows} × {columns} patches",
        ),
        tuple(
            Picture(
                png_uri(attention_pixels(maps[block - 1], (rows, columns), limit)),
                f"Attention maps of block {block}: one small map for each of the {tokens} query patches.",
                f"Block {block}",
            )
            for block in shown
        ),
        png_uri(colours(np.linspace(0, 1, 128))[None]),
        limit,
        tokens,
    )


def patient_galleries(models: Sequence[ModelSources], labels: dict[int, str]) -> list[PatientGallery]:
    """The worst, the median and the best patient of the first model that has examples."""
    shown = [model for model in models if model.examples is not None]
    if not shown:
        return []
    return [_gallery(shown, patient, standing, labels) for patient, standing in _chosen_patients(shown[0])]


def _chosen_patients(model: ModelSources) -> list[tuple[str, str]]:
    assert model.examples is not None
    patients = [str(patient) for patient in model.examples["patient_ids"]]
    scored = [(patient_dice(model.evaluation, patient), patient) for patient in patients]
    ranked = [patient for dice, patient in sorted((dice, name) for dice, name in scored if dice is not None)]
    if len(ranked) < 3:
        return [(patient, "") for patient in patients[:3]]
    standings = ("the reference's worst patient", "its median patient", "its best patient")
    return list(zip((ranked[0], ranked[len(ranked) // 2], ranked[-1]), standings, strict=True))


def patient_dice(evaluation: Evaluation | None, patient: str) -> float | None:
    """Mean Dice of one patient over the classes that have one."""
    if evaluation is None or patient not in evaluation.patients:
        return None
    scores = [score.dice for score in evaluation.patients[patient].values() if score.dice is not None]
    return float(np.mean(scores)) if scores else None


def _gallery(models: list[ModelSources], patient: str, standing: str, labels: dict[int, str]) -> PatientGallery:
    image, truth, _, slice_index = _example(models[0], patient)
    values = list(labels)
    pictures = [
        Picture(
            png_uri(scan_pixels(image)), f"Scan of {patient}, slice {slice_index}.", "Scan", f"slice {slice_index}"
        ),
        Picture(png_uri(overlay_pixels(image, truth, values)), f"Truth of {patient}.", "Truth"),
    ]
    differences = []
    for model in models:
        if patient not in _patients(model) or _example(model, patient)[3] != slice_index:
            continue
        prediction, name = _example(model, patient)[2], model.row.name
        dice = patient_dice(model.evaluation, patient)
        wrong = int(np.count_nonzero(prediction != truth))
        note = "" if dice is None else f"Dice {number(dice)}"
        alt = f"Labels of {name} on {patient}."
        pictures.append(Picture(png_uri(overlay_pixels(image, prediction, values)), alt, name, note))
        alt = f"Pixels where {name} differs from the truth of {patient}."
        differences.append(Picture(png_uri(difference_pixels(image, truth, prediction)), alt, name, f"{wrong} pixels"))
    return PatientGallery(patient, standing, tuple(pictures), tuple(differences))


def _patients(model: ModelSources) -> list[str]:
    return [] if model.examples is None else [str(patient) for patient in model.examples["patient_ids"]]


def _example(model: ModelSources, patient: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    assert model.examples is not None
    row = _patients(model).index(patient)
    image, truth, prediction = (model.examples[name][row] for name in ("images", "truth", "prediction"))
    return image, truth, prediction, int(model.examples["slice_index"][row])


def legend(labels: dict[int, str]) -> list[tuple[str, str]]:
    """Colour and name of each label, as the overlays show them."""
    return [(label_colour(index), plain(name)) for index, name in enumerate(labels.values())]


def label_names(models: Sequence[ModelSources]) -> dict[int, str]:
    """The label values to draw, background left out, from the first evaluation there is."""
    for model in models:
        if model.evaluation is not None:
            return {value: name for value, name in sorted(model.evaluation.labels.items()) if value != 0}
    truths = [model.examples["truth"] for model in models if model.examples is not None]
    values = {int(value) for truth in truths for value in np.unique(truth)} - {0}
    return {value: f"label {value}" for value in sorted(values)}
