"""Receptive field, similarity and organs of a trained run, written into its folder beside the attention profile."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import nn

from trimformer.attention.measures.organs import measure_organs
from trimformer.attention.measures.receptive_field import measure_receptive_field
from trimformer.attention.measures.similarity import measure_similarity
from trimformer.data.batch import Batch, profile_batches
from trimformer.data.catalogue import load_dataset
from trimformer.data.dataset import Dataset
from trimformer.data.preparation.slices import PatientSlices
from trimformer.inference.device import default_device
from trimformer.models import load_model
from trimformer.records.patient_measures import PatientMeasures
from trimformer.records.progress import Progress, silent
from trimformer.records.run_folder import RunFolder

BATCH_SIZE = 8
SLICES_PER_PATIENT = 4
"""Slices whose receptive field is measured: each costs some tens of backward passes."""


def receptive_field_of_run(
    run: RunFolder,
    *,
    slices_per_patient: int = SLICES_PER_PATIENT,
    tokens_per_slice: int = 4,
    progress: Progress = silent,
) -> PatientMeasures:
    """The receptive field of a run's best weights, on a few slices of each of its training patients.

    Written to `receptive_field.json` (means with intervals) and `receptive_field.npz` (per patient).

    Raises:
        UserError: The run has no weights yet, or its model has no block.
    """
    model, patients, _ = _read(run)
    batches = spread_slices(patients, slices_per_patient)
    told = _telling(batches, "measuring receptive fields", len(patients), progress)
    measures = measure_receptive_field(model, told, tokens_per_slice=tokens_per_slice, seed=run.experiment().seed)
    return _save(measures, run, "receptive_field")


def similarity_of_run(run: RunFolder, progress: Progress = silent) -> PatientMeasures:
    """CKA and block influence on all slices of a run's training patients; `similarity.json` and `similarity.npz`.

    Raises:
        UserError: The run has no weights yet, or its model has no block.
    """
    model, patients, _ = _read(run)
    told = _telling(profile_batches(patients, BATCH_SIZE), "comparing blocks", _num_batches(patients), progress)
    return _save(measure_similarity(model, told), run, "similarity")


def organs_of_run(run: RunFolder, progress: Progress = silent) -> PatientMeasures:
    """Which organ attends to which, on all slices of a run's training patients; `organs.json` and `organs.npz`.

    Raises:
        UserError: The run has no weights yet, or its model has no block.
    """
    model, patients, dataset = _read(run)
    told = _telling(profile_batches(patients, BATCH_SIZE), "measuring organs", _num_batches(patients), progress)
    return _save(measure_organs(model, told, dataset.labels), run, "organs")


def spread_slices(patients: Iterable[PatientSlices], count: int) -> Iterator[Batch]:
    """Of each patient one batch of `count` slices, spread evenly over those that have a label, or over all."""
    for patient in patients:
        found = np.arange(len(patient.images))
        if patient.labels is not None and (labelled := np.flatnonzero(patient.labels.any(axis=(1, 2)))).size:
            found = labelled
        places = np.unique(np.linspace(0, len(found) - 1, count + 2)[1:-1].round().astype(int))
        chosen = [slice(int(index), int(index) + 1) for index in found[places]]
        images = torch.cat([patient.image_tensor(one) for one in chosen])
        labels = [labels for one in chosen if (labels := patient.label_tensor(one)) is not None]
        named = (patient.patient_id,) * len(chosen)
        yield Batch(images, torch.cat(labels) if labels else None, named, patient.spacing_mm)


def _read(run: RunFolder) -> tuple[nn.Module, Sequence[PatientSlices], Dataset]:
    model, dataset = load_model(run.path).to(default_device()), load_dataset(run.experiment().data)
    return model, (*dataset.training, *dataset.selection), dataset


def _num_batches(patients: Sequence[PatientSlices]) -> int:
    return sum(-(-len(patient.images) // BATCH_SIZE) for patient in patients)


def _telling(batches: Iterable[Batch], doing: str, total: int, progress: Progress) -> Iterator[Batch]:
    for done, batch in enumerate(batches, start=1):
        yield batch
        progress(doing, done, total)


def _save(measures: PatientMeasures, run: RunFolder, name: str) -> PatientMeasures:
    measures.save(run.path / f"{name}.json", run.path / f"{name}.npz")
    return measures
