"""A few slices of a run with all their attention, for the explorer page."""

import numpy as np

from trimformer.attention.showing.explorer_slice import record_slice
from trimformer.attention.showing.explorer_volume import record_volume
from trimformer.data.catalogue import load_dataset
from trimformer.data.preparation.slices import PatientSlices
from trimformer.inference.device import default_device
from trimformer.models import load_model
from trimformer.records.errors import UserError
from trimformer.records.explorer import Explorer
from trimformer.records.profile import AttentionProfile
from trimformer.records.progress import Progress, silent
from trimformer.records.run_folder import RunFolder

MOST_PATIENTS = 2


def explorer_of_run(run: RunFolder, num_slices: int = 4, progress: Progress = silent) -> Explorer:
    """Record some slices of at most two patients with a run's best weights, and these patients' volumes.

    The patients are those that chose the best epoch, then those trained on, never those that are reported; their
    slices are spread over the part with the most labels. Of the user's own network, what cannot be shown (relevance,
    predictions with blocks skipped) is left out and said in `left_out`.

    Args:
        run: A run of a model with one sequence of transformer blocks.
        num_slices: How many slices in all.
        progress: Told after every slice with attention, and while the volumes are predicted.

    Raises:
        UserError: No slice is asked for, the run has no weights yet, or its model's blocks cannot be found.
    """
    if num_slices < 1:
        raise UserError("The explorer shows at least one slice", num_slices, "Ask for one slice or more.")
    experiment = run.experiment()
    model = load_model(run.path).to(default_device())
    dataset = load_dataset(experiment.data)
    patients = (*dataset.selection, *dataset.training)[: min(MOST_PATIENTS, num_slices)]
    chosen = [
        (patient, index)
        for place, patient in enumerate(patients)
        for index in spread_slices(patient, (num_slices + len(patients) - 1 - place) // len(patients))
    ]
    shown, left_out = [], dict[str, str]()
    for done, (patient, index) in enumerate(chosen, start=1):
        shown.append(record_slice(model, patient, index, list(dataset.labels), left_out))
        progress("recording slices", done, len(chosen))
    volumes = {patient.patient_id: record_volume(model, patient, progress) for patient in patients}
    return Explorer(
        experiment.name,
        dataset.note,
        dict(dataset.labels),
        tuple(shown),
        profiled_distance(run),
        volumes,
        tuple(f"{what} is left out: {why}" for what, why in left_out.items()),
    )


def spread_slices(patient: PatientSlices, count: int) -> list[int]:
    """Indices of so many slices, evenly over those with at least half as much foreground as the slice with most."""
    amounts = np.ones(len(patient.images)) if patient.labels is None else np.count_nonzero(patient.labels, axis=(1, 2))
    full = np.flatnonzero(2 * amounts >= amounts.max())
    places = (np.arange(count) + 0.5) * len(full) / count
    return sorted({int(full[int(place)]) for place in places})


def profiled_distance(run: RunFolder) -> np.ndarray | None:
    """Mean over patients (blocks, heads) in mm of the run's profile; None where there is none."""
    if not run.profile_file.is_file() or not run.profile_arrays.is_file():
        return None
    distance = AttentionProfile.load(run.profile_file, run.profile_arrays).model["foreground/distance_mm"]
    told = ~np.isnan(distance).any(axis=(1, 2))
    return distance[told].mean(axis=0) if told.any() else None
