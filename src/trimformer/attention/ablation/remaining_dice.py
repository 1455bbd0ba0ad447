"""The Dice that remains when something is taken from a model while it runs; no training, forward passes only."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from trimformer.attention.transformer.blocks import Transformer, find_transformer
from trimformer.data.dataset import Dataset
from trimformer.data.preparation.slices import PatientSlices
from trimformer.records.errors import UserError
from trimformer.records.progress import Progress, silent

Condition = Callable[[PatientSlices], AbstractContextManager[None]]
"""Takes something from the model while it sees this patient."""


LEAST_PATIENTS = 6
"""Over fewer an interval says little."""


def ablated_patients(dataset: Dataset) -> tuple[PatientSlices, ...]:
    """The selection patients, and the first training patients where those are fewer than six; none that is reported."""
    missing = max(0, LEAST_PATIENTS - len(dataset.selection))
    return (*dataset.selection, *dataset.training[:missing])


@torch.inference_mode()
def dice_under_conditions(
    model: nn.Module,
    patients: Sequence[PatientSlices],
    labels: Mapping[int, str],
    conditions: Sequence[Condition],
    *,
    task: str,
    slices: int | None = None,
    batch_size: int = 8,
    progress: Progress = silent,
) -> Float[np.ndarray, "patients conditions"]:
    """Dice per patient under every condition, on the model's grid: of each class on the whole volume, then the mean.

    A class that neither truth nor prediction has is left out of its patient's mean, as in every table; a patient
    without any class is NaN. No more than one batch and its scores are ever held.

    Args:
        model: In evaluation mode; gives one logit a class and pixel.
        patients: With labels. Those that chose the model's best epoch, never those that are reported.
        labels: The classes that count, without background.
        conditions: What is taken away, each in turn.
        task: What the progress is called.
        slices: Of each patient, spread evenly over those with labels; None: all.
        batch_size: Slices a forward pass.
        progress: Told after every condition of every patient.

    Raises:
        UserError: A patient has no labels, or there is no patient.
    """
    _check(patients)
    device, total = next(model.parameters()).device, len(patients) * len(conditions)
    dice = np.empty((len(patients), len(conditions)))
    for row, patient in enumerate(patients):
        places = patient.spread_places(slices)
        for column, condition in enumerate(conditions):
            sums = torch.zeros(2, len(labels), dtype=torch.int64, device=device)
            with condition(patient):
                for images, truth in _batches(patient, places, batch_size, device):
                    sums += overlap(model(images).argmax(dim=1), truth, tuple(labels))
            both, sizes = sums.double().cpu().numpy()
            present = sizes > 0
            dice[row, column] = (2 * both[present] / sizes[present]).mean() if present.any() else np.nan
            progress(task, row * len(conditions) + column + 1, total)
    return dice


def untouched(_: PatientSlices) -> nullcontext[None]:
    """The condition under which nothing is taken away."""
    return nullcontext()


def transformer_of(model: nn.Module, patients: Sequence[PatientSlices]) -> Transformer:
    """The model's blocks, found by the first patient's first slice.

    Raises:
        UserError: There is no patient, one has no labels, or the blocks cannot be found.
    """
    _check(patients)
    device = next(model.parameters()).device
    return find_transformer(model, patients[0].image_tensor(slice(0, 1)).to(device))


def overlap(
    prediction: Integer[Tensor, "batch rows columns"],
    truth: Integer[Tensor, "batch rows columns"],
    classes: Sequence[int],
) -> Integer[Tensor, "2 classes"]:
    """Pixels in both masks, and the sum of both masks' pixels, for each class; sums over batches add."""
    values = torch.tensor(classes, device=truth.device).view(-1, 1)
    predicted, true = prediction.flatten() == values, truth.flatten() == values
    return torch.stack([(predicted & true).sum(dim=1), predicted.sum(dim=1) + true.sum(dim=1)])


def _batches(
    patient: PatientSlices, places: np.ndarray, batch_size: int, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    for start in range(0, len(places), batch_size):
        chosen = places[start : start + batch_size]
        truth = patient.label_tensor(chosen)
        assert truth is not None
        yield patient.image_tensor(chosen).to(device), truth.to(device)


def _check(patients: Sequence[PatientSlices]) -> None:
    unlabelled = [patient.patient_id for patient in patients if patient.labels is None]
    if unlabelled or not patients:
        raise UserError(
            "The Dice that remains is measured on selection patients that have labels",
            f"no labels for {', '.join(unlabelled)}" if unlabelled else "no patient",
            "Set data.selection_patients to 1 or more, or leave out those without labels.",
        )
