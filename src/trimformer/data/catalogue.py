"""The datasets that can be asked for by name: one list."""

from collections.abc import Callable

from trimformer.data.brain import LABELS, NOTE, make_brain_cohort
from trimformer.data.dataset import Dataset
from trimformer.data.splits import split_patients
from trimformer.records.errors import UserError
from trimformer.records.experiment import DataSettings

BRAIN_PATIENTS = 20
VALIDATION_SHARE = 0.3


def load_dataset(settings: DataSettings) -> Dataset:
    """The dataset that `settings` name, its patients dealt to training, selection and validation.

    Raises:
        UserError: No dataset has that name, or its patients are too few for three sides.
    """
    if settings.dataset not in DATASETS:
        raise UserError(
            "A dataset is one of the catalogue",
            f"data.dataset = {settings.dataset!r}",
            f"Valid names: {', '.join(DATASETS)}.",
        )
    return DATASETS[settings.dataset](settings)


def _load_brain(settings: DataSettings) -> Dataset:
    num_patients = BRAIN_PATIENTS if settings.num_patients is None else settings.num_patients
    validation = max(1, round(VALIDATION_SHARE * num_patients))
    training = num_patients - validation - settings.selection_patients
    if training < 1:
        raise UserError(
            "At least one patient is left to train on",
            f"{num_patients} patients, {validation} for validation and {settings.selection_patients} for selection",
            "Raise data.num_patients or lower data.selection_patients.",
        )
    patients = {patient.patient_id: patient for patient in make_brain_cohort(num_patients)}
    sizes = {"training": training, "selection": settings.selection_patients, "validation": validation}
    sides = {
        side: tuple(patients[patient_id] for patient_id in patient_ids)
        for side, patient_ids in split_patients(list(patients), sizes, seed=0).items()
    }
    return Dataset("brain", LABELS, NOTE, **sides)


DATASETS: dict[str, Callable[[DataSettings], Dataset]] = {"brain": _load_brain}
"""Name -> how it is loaded. A new dataset is a file of its own and a line here."""
