"""All slices of a patient, coarse enough for a page, with what a model draws on them."""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from trimformer.attention.showing.explorer_slice import on_page
from trimformer.data.preparation.slices import PatientSlices
from trimformer.inference.predict import predict_scores
from trimformer.records.explorer import ExplorerVolume
from trimformer.records.progress import Progress, silent

MOST_PIXELS = 128
"""A side of a slice in a volume; longer ones are made coarser by a whole factor."""

SLICES_AT_ONCE = 8
BRIGHTEST = 99.95
"""Percentile of the volume above which all is white, so that a few voxels do not take the greys of the others."""


def record_volume(model: nn.Module, patient: PatientSlices, progress: Progress = silent) -> ExplorerVolume:
    """Every slice of a patient with the model's prediction, turned for the page.

    Args:
        model: A network from slices to logits on their grid.
        patient: Whose slices.
        progress: Told after every few slices.
    """
    count = len(patient.images)
    images, labels, predictions = [], [], []
    for start in range(0, count, SLICES_AT_ONCE):
        chosen = slice(start, start + SLICES_AT_ONCE)
        batch, truth = patient.image_tensor(chosen), patient.label_tensor(chosen)
        images.append(coarser_images(batch[:, 0]))
        predictions.append(coarser_labels(predict_scores(model, batch).argmax(dim=1).to(torch.uint8)))
        labels.append(None if truth is None else coarser_labels(truth))
        progress(f"drawing {patient.patient_id}", min(start + SLICES_AT_ONCE, count), count)

    def turned(planes: list[np.ndarray]) -> np.ndarray:
        return np.stack([on_page(plane, patient.grid) for plane in np.concatenate(planes)])

    greys = turned(images)
    low, high = float(greys.min()), float(np.percentile(greys, BRIGHTEST))
    drawn = [each for each in labels if each is not None]
    return ExplorerVolume(
        np.rint((greys - low).clip(0, high - low) * (255 / max(high - low, 1e-12))).astype(np.uint8),
        low,
        high,
        turned(drawn) if drawn else None,
        turned(predictions),
    )


def coarser_images(images: Float[Tensor, "slices rows columns"]) -> Float[np.ndarray, "slices rows2 columns2"]:
    """Means over squares of as few pixels as are needed; a remainder at the far edges is cut off."""
    coarse: np.ndarray = F.avg_pool2d(images, _factor(images)).numpy()
    return coarse


def coarser_labels(labels: UInt8[Tensor, "slices rows columns"]) -> UInt8[np.ndarray, "slices rows2 columns2"]:
    """The label in the middle of every such square."""
    factor = _factor(labels)
    rows, columns = (size // factor * factor for size in labels.shape[1:])
    coarse: np.ndarray = labels[:, factor // 2 : rows : factor, factor // 2 : columns : factor].numpy()
    return coarse


def _factor(planes: Tensor) -> int:
    return -(-max(planes.shape[1:]) // MOST_PIXELS)
