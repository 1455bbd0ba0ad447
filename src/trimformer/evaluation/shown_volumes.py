"""A few of the evaluated patients as a page shows them, taken while they are evaluated."""

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional as F

from trimformer.data.catalogue import find_layout
from trimformer.data.dataset import Dataset
from trimformer.data.page_part import PagePart
from trimformer.data.preparation.intensities import usual_range
from trimformer.data.preparation.slices import PatientSlices
from trimformer.data.reading.case import read_case
from trimformer.evaluation.scores import true_labels
from trimformer.inference.predict import Predictor
from trimformer.processes.share import gathered
from trimformer.records.settings import DataSettings
from trimformer.records.shown_volumes import ShownVolume, Unit

MOST_PATIENTS = 3

NEVER_IN_MRI = -200.0
"""A scan that usually begins below this holds Hounsfield units: air has about -1000."""

HOUNSFIELD = (-1024.0, 1000.0)
"""What is kept of a CT that a model sees unclipped."""

GREYS = 255


class VolumeKeeper:
    """Looks over the shoulder of a predictor and keeps what a page shows of a few patients.

    The patients are those with the least, a middling and the most labelled tissue, since that is the same for every
    model. Each process keeps its own; `all` brings them together.
    """

    def __init__(self, dataset: Dataset, settings: DataSettings) -> None:
        self._chosen = shown_patients(dataset.validation)
        self._dataset = dataset
        self._settings = settings
        self._kept: list[ShownVolume] = []

    def watching(self, predict: Predictor) -> Predictor:
        """The same predictor, of whose label maps the chosen patients' are kept."""

        def watched(patient: PatientSlices) -> np.ndarray:
            labels = predict(patient)
            if patient.patient_id in self._chosen:
                self._kept.append(shown_volume(patient, labels, self._dataset, self._settings))
            return labels

        return watched

    def all(self) -> list[ShownVolume]:
        """What all processes kept, from the least to the most labelled tissue."""
        kept = [volume for volumes in gathered(self._kept) for volume in volumes]
        return sorted(kept, key=lambda volume: self._chosen.index(volume.patient_id))


def shown_patients(patients: Sequence[PatientSlices]) -> list[str]:
    """The ids of at most three: with the least, a middling and the most labelled tissue."""
    ranked = [patient.patient_id for patient in sorted(patients, key=_labelled_ml)]
    places = np.linspace(0, len(ranked) - 1, min(MOST_PATIENTS, len(ranked))).round().astype(int)
    return [ranked[place] for place in places]


def _labelled_ml(patient: PatientSlices) -> float:
    assert patient.labels is not None, "only labelled patients are evaluated"
    slice_mm = patient.grid.spacing_mm[patient.grid.slice_axis]
    return int(np.count_nonzero(patient.labels)) * float(np.prod(patient.spacing_mm)) * slice_mm / 1000


def shown_volume(
    patient: PatientSlices, prediction: np.ndarray, dataset: Dataset, settings: DataSettings
) -> ShownVolume:
    """Scan, truth and a prediction (x, y, z) of one patient, as a page shows them.

    Raises:
        UserError: The scan's file is gone or has changed.
    """
    scan, unit, num_channels = _scan(patient, settings)
    part = PagePart.of(scan, patient.grid.spacing_mm)
    low, high = _greys(scan, unit, dataset)
    steps = (part.means(scan).clip(low, high) - low) * (GREYS / max(high - low, 1e-12))
    return ShownVolume(
        patient_id=patient.patient_id,
        scan=np.rint(steps).astype(np.uint8),
        low=low,
        high=high,
        unit=unit,
        truth=part.middles(true_labels(patient)),
        prediction=part.middles(prediction),
        affine=part.affine(patient.grid.affine),
        has_geometry=dataset.has_geometry,
        step=part.step,
        outside=int(np.count_nonzero(prediction) - np.count_nonzero(prediction[part.box])),
        num_channels=num_channels,
    )


def _scan(patient: PatientSlices, settings: DataSettings) -> tuple[np.ndarray, Unit, int]:
    """The first channel (x, y, z) as its file holds it, its unit, and how many channels there are.

    Of data that were prepared beforehand the files may be gone; then it is put together from the model's slices.
    """
    if settings.prepared is not None:
        return _from_slices(patient), "normalised", patient.images.shape[1]
    layout = find_layout(settings)
    case = next(case for case in layout.labelled if case.patient_id == patient.patient_id)
    image = read_case(layout, case).image
    return image[0], "HU" if usual_range(image[0])[0] < NEVER_IN_MRI else "stored", len(image)


def _from_slices(patient: PatientSlices) -> np.ndarray:
    """The first channel of the model's slices on the patient's own grid, float32; what was cropped is as its edge."""
    grid = patient.grid
    images = torch.from_numpy(np.array(patient.images[:, :1])).float()
    resized = F.interpolate(images, size=grid.slice_size, mode="bilinear", antialias=True)
    slices = F.pad(resized, grid.unpadding, value=float(images.min()))
    return grid.volume_of(slices[:, 0].numpy())


def _greys(scan: np.ndarray, unit: Unit, dataset: Dataset) -> tuple[float, float]:
    """Which intensities become black and white: those that the model sees of a CT, all but the last few of others."""
    if unit == "HU":
        clip = (dataset.preprocessing or {}).get("clip")
        low, high = clip if isinstance(clip, list | tuple) else HOUNSFIELD
        return float(low), float(high)
    some = scan[tuple(slice(None, None, -(-size // 128)) for size in scan.shape)]
    low, high = np.percentile(some, (0.05, 99.95))
    return float(low), float(high)
