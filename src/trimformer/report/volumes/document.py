"""What the page knows of its patients and models beside their files."""

from collections.abc import Mapping
from typing import Any

from trimformer.records.evaluation import Evaluation, Score
from trimformer.records.shown_volumes import ShownVolume
from trimformer.records.slice_pixels import label_colour
from trimformer.report.formats import number, plain
from trimformer.report.galleries import patient_dice
from trimformer.report.pictures import DIFFERENCE_COLOUR
from trimformer.report.volumes.gathered import Drawn, Gathered
from trimformer.report.volumes.stills import most_labelled
from trimformer.report.volumes.windows import windows

CASES = {"absent": "absent in both", "missed": "missed: 0", "false_alarm": "false alarm: 0"}
"""What is said of a label that truth or prediction lack."""

UNITS = {"HU": "HU", "stored": "", "normalised": "deviations from the mean"}


def document(shown: Gathered, labels: Mapping[int, str]) -> dict[str, Any]:
    """All that the script needs, in plain values; names in it are text and nothing else."""
    return {
        "difference": DIFFERENCE_COLOUR,
        "labels": [
            {"value": value, "name": plain(name), "colour": label_colour(place)}
            for place, (value, name) in enumerate(labels.items())
        ],
        "models": [{"name": model.name, "role": model.role} for model in shown.models],
        "patients": [
            _patient(volume, [_score(model, place, volume, labels) for model in shown.models])
            for place, volume in enumerate(shown.patients)
        ],
    }


def _patient(volume: ShownVolume, scores: list[dict[str, Any] | None]) -> dict[str, Any]:
    return {
        "name": volume.patient_id,
        "start": most_labelled(volume.truth),
        "geometry": volume.has_geometry,
        "unit": UNITS[volume.unit],
        "words": patient_words(volume),
        "windows": [{"words": each.words, "low": each.low, "high": each.high} for each in windows(volume)],
        "scores": scores,
    }


def _score(model: Drawn, place: int, volume: ShownVolume, labels: Mapping[int, str]) -> dict[str, Any] | None:
    """Dice of a model on a patient, of all labels and of each; None where the page has no prediction."""
    if place not in model.files:
        return None
    return {
        "outside": model.outside[place],
        "mean": number(patient_dice(model.evaluation, volume.patient_id)),
        "labels": {str(value): _dice(model.evaluation, volume.patient_id, name) for value, name in labels.items()},
    }


def _dice(evaluation: Evaluation | None, patient_id: str, label: str) -> str:
    scores: Mapping[str, Score] = {} if evaluation is None else evaluation.patients.get(patient_id, {})
    score = scores.get(label)
    if score is None:
        return "–"
    return CASES.get(score.case) or number(score.dice)


def patient_words(volume: ShownVolume) -> list[str]:
    """What a reader must know of this patient's picture, in a sentence each."""
    return [_voxels(volume), _greys(volume), *_remarks(volume)]


def _voxels(volume: ShownVolume) -> str:
    sizes = " × ".join(map(str, volume.scan.shape))
    if volume.step == (1, 1, 1):
        return f"{sizes} voxels, each as the scan has it; air around is left out."
    steps = " × ".join(map(str, volume.step))
    return f"{sizes} voxels, each for {steps} of the scan's: their mean grey, their middle label; air is left out."


def _greys(volume: ShownVolume) -> str:
    ends = f"{volume.low:.4g} to {volume.high:.4g}".replace("-", "−")
    if volume.unit == "HU":
        return f"Greys are Hounsfield units, kept from {ends} in 255 steps."
    if volume.unit == "normalised":
        return "The scan is put together from the slices that the model saw, so it is as coarse as they are."
    return f"Greys are the file's own, kept from {ends} in 255 steps."


def _remarks(volume: ShownVolume) -> list[str]:
    remarks = []
    if volume.num_channels > 1:
        remarks.append(f"The first of {volume.num_channels} channels is shown.")
    if not volume.has_geometry:
        remarks.append("The files do not tell where their axes lead, so there are no letters at the edges.")
    return remarks
