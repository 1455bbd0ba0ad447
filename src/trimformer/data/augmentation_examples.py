"""One training slice under each transform alone and as training draws it, for the eye."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trimformer.data.augmentation import Augmentation
from trimformer.data.preparation.slices import PatientSlices
from trimformer.data.training_set import SliceDataset, draw_seed
from trimformer.data.upright import upright
from trimformer.records.augmentation_preview import AugmentationPreview, AugmentedSlice
from trimformer.records.errors import UserError
from trimformer.records.experiment import AugmentationSettings

OFF: dict[str, dict[str, Any]] = {
    "mirror": {"flip_axes": ()},
    "rotation": {"rotation_degrees": 0.0},
    "scaling": {"scaling": (1.0, 1.0)},
    "elastic": {"elastic_px": 0.0},
    "bias field": {"bias": 0.0},
    "contrast": {"gamma": (1.0, 1.0)},
    "noise": {"noise": 0.0},
}
"""Name of each transform, and the settings with which it does nothing."""

DRAWS = 8
"""Of how many draws the one that changes the image most stands for a transform."""


def augmentation_preview(
    patients: Sequence[PatientSlices], settings: AugmentationSettings, seed: int
) -> AugmentationPreview:
    """What these settings make of the training slice that has most foreground.

    The first channel is shown, turned as its patient's affine says. The epochs are exactly those of a training on these
    patients with this seed.

    Raises:
        UserError: Every transform is off, or a patient has no labels.
    """
    active = [name for name in OFF if _is_on(settings, name)]
    if not active:
        raise UserError("A preview shows a transform", "all are off", "Turn one on in the section [augmentation].")
    patient, index, first_draw, length = _most_foreground(patients)
    image, labels = patient.image_tensor(slice(index, index + 1))[0], patient.label_tensor(slice(index, index + 1))
    assert labels is not None
    turn, spacing_mm = upright(patient.grid, patient.spacing_mm)
    show = _Shower(turn)
    alone = [
        show(name, _strength(settings, name), *_strongest(Augmentation(_only(settings, name)), image, labels[0]))
        for name in active
    ]
    epochs = []
    for epoch in range(2 * (2 + (len(active) + 1) // 2)):
        draw = draw_seed(seed, epoch * length + first_draw)
        done = _done(settings, active, image, labels[0], draw)
        epochs.append(show(f"epoch {epoch + 1}", done, *Augmentation(settings)(image, labels[0], draw)))
    title = f"slice {index + 1} of {len(patient.images)}"
    return AugmentationPreview(
        show(patient.patient_id, title, image, labels[0]),
        tuple(alone),
        tuple(epochs),
        settings.probability,
        settings.enabled,
        spacing_mm,
    )
