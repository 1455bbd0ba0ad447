"""Slices on which the ranges of a network's activations are measured before they become integers."""

from collections.abc import Sequence

import numpy as np
import torch

from trimformer.data.catalogue import load_dataset
from trimformer.data.preparation.slices import PatientSlices
from trimformer.inference.predict import Images
from trimformer.records.errors import UserError
from trimformer.records.progress import Progress, silent
from trimformer.records.run_folder import RunFolder

NUM_SLICES = 128
"""Ranges settle with fewer than half of these; a slice costs two or three forward passes in 32 bits."""


def calibration_slices(run: RunFolder, count: int = NUM_SLICES, progress: Progress = silent) -> Images:
    """Slices of a run's training patients, evenly over all that there are, the same each time.

    Patients who chose the epoch or are reported on are never among them: an export is judged on those.

    Raises:
        UserError: The training scans are not at hand, or not those that the run was trained on.
    """
    rule = "int8 is calibrated on the scans that the run was trained on"
    restore = "Put them back where [data] of its experiment.toml says, or export with --precision fp32."
    try:
        dataset = load_dataset(run.experiment().data, progress)
    except UserError as error:
        raise UserError(rule, f"{error.rule}: {error.found}", restore) from error
    if dataset.fingerprint != run.manifest_of_data()["fingerprint"]:
        raise UserError(rule, f"other files or other sides of {dataset.name} than those of {run.path}", restore)
    return evenly_over(dataset.training, count)


def evenly_over(patients: Sequence[PatientSlices], count: int) -> Images:
    """So many slices at even distances along all slices of all patients, or all of them where there are fewer."""
    places = [(patient, index) for patient in patients for index in range(len(patient.images))]
    chosen = np.linspace(0, len(places) - 1, min(count, len(places))).round().astype(int)
    return torch.cat([places[place][0].image_tensor(slice(places[place][1], places[place][1] + 1)) for place in chosen])
