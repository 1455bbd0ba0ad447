"""One training slice under each transform alone and as training draws it, for the eye."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trimformer.data.augmentation import Augmentation
from trimformer.data.preparation.slices import PatientSlices
from trimformer.data.training_set import SliceDataset, draw_seed
from trimformer.data.upright import upright, way_to_ras
from trimformer.records.augmentation_preview import AugmentationPreview, AugmentedSlice
from trimformer.records.errors import UserError
from trimformer.records.settings import AugmentationSettings

OFF: dict[str, dict[str, Any]] = {
    "mirroring": {"flip_axes": ()},
    "rotation": {"rotation_degrees": 0.0},
    "scaling": {"scaling": (1.0, 1.0)},
    "elastic": {"elastic_px": 0.0},
    "bias field": {"bias": 0.0},
    "contrast": {"gamma": (1.0, 1.0)},
    "noise": {"noise": 0.0},
}
"""Each transform, and the settings with which it does nothing."""

DRAWS = 8
"""Of so many draws, the one that changes the image most shows what a transform can do."""


@dataclass(frozen=True, eq=False)
class _Example:
    """The slice `place` of a patient, which is the slice `index` of the training set."""

    patient: PatientSlices
    place: int
    index: int
    image: Tensor
    labels: Tensor

    def changed(self, settings: AugmentationSettings, seed: int) -> tuple[Tensor, Tensor]:
        return Augmentation(settings)(self.image, self.labels, seed)

    def shown(self, title: str, note: str, changed: tuple[Tensor, Tensor]) -> AugmentedSlice:
        image, labels = (upright(plane.numpy(), self.patient.grid) for plane in (changed[0][0], changed[1]))
        return AugmentedSlice(title, note, image, labels)


def augmentation_preview(
    patients: Sequence[PatientSlices], settings: AugmentationSettings, seed: int, num_epochs: int = 12
) -> AugmentationPreview:
    """What these settings make of the slice that has most foreground among those of the training patients.

    Its first channel is shown. The epochs are those of a training on these patients with this seed.

    Raises:
        UserError: Every transform is off, there is no patient, or one of them has no labels.
    """
    active = [name for name in OFF if not _is_off(settings, name)]
    if not active:
        found = "an augmentation with every transform off"
        raise UserError("A preview shows at least one transform", found, "Turn one on in [augmentation].")
    length, example = len(SliceDataset(patients)), _most_foreground(patients)
    seeds = [draw_seed(seed, epoch * length + example.index) for epoch in range(num_epochs)]
    spacing, swap = example.patient.spacing_mm, way_to_ras(example.patient.grid)[2]
    return AugmentationPreview(
        patient_id=example.patient.patient_id,
        spacing_mm=(spacing[1], spacing[0]) if swap else spacing,
        probability=settings.probability,
        enabled=settings.enabled,
        original=example.shown(
            "as it is", f"slice {example.place + 1} of {len(example.patient.images)}", (example.image, example.labels)
        ),
        alone=tuple(_alone(example, settings, name) for name in active),
        epochs=tuple(_in_epoch(example, settings, epoch, draw) for epoch, draw in enumerate(seeds, start=1)),
    )


def _most_foreground(patients: Sequence[PatientSlices]) -> _Example:
    """The slice with most labelled pixels, the middle one of several."""
    labels = [patient.labels for patient in patients if patient.labels is not None]
    counts = np.array([np.count_nonzero(plane) for planes in labels for plane in planes])
    best = np.flatnonzero(counts == counts.max())
    index = int(best[len(best) // 2])
    starts = np.cumsum([0, *map(len, labels)])
    number = int(np.searchsorted(starts, index, side="right")) - 1
    patient, place = patients[number], index - int(starts[number])
    chosen = slice(place, place + 1)
    return _Example(patient, place, index, patient.image_tensor(chosen)[0], torch.from_numpy(labels[number][place] + 0))


def _alone(example: _Example, settings: AugmentationSettings, name: str) -> AugmentedSlice:
    others = {key: value for other in OFF if other != name for key, value in OFF[other].items()}
    only = settings.model_copy(update={**others, "probability": 1.0})
    draws = [example.changed(only, seed) for seed in range(DRAWS)]
    strongest = max(draws, key=lambda changed: float((changed[0] - example.image).abs().sum()))
    return example.shown(name, _words(settings)[name], strongest)


def _in_epoch(example: _Example, settings: AugmentationSettings, epoch: int, seed: int) -> AugmentedSlice:
    changed = example.changed(settings, seed)
    # Turning one off changes nothing in the others: so what changes the result has happened.
    without = {name: example.changed(settings.model_copy(update=off), seed) for name, off in OFF.items()}
    happened = [name for name, other in without.items() if not _equal(other, changed)]
    return example.shown(f"epoch {epoch}", ", ".join(happened) or "nothing this time", changed)


def _equal(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> bool:
    return torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])


def _is_off(settings: AugmentationSettings, name: str) -> bool:
    return all(getattr(settings, key) == value for key, value in OFF[name].items())


def _words(settings: AugmentationSettings) -> dict[str, str]:
    """How strong each transform may be."""
    return {
        "mirroring": " and ".join(settings.flip_axes),
        "rotation": f"up to {settings.rotation_degrees:g}° either way",
        "scaling": f"{settings.scaling[0]:g} to {settings.scaling[1]:g} times",
        "elastic": f"up to {settings.elastic_px:g} px at 224",
        "bias field": f"coefficients up to {settings.bias:g}",
        "contrast": f"exponent {settings.gamma[0]:g} to {settings.gamma[1]:g}",
        "noise": f"up to {settings.noise:g} SD",
    }
