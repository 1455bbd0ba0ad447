"""The sides of a cohort that is made and not read: nobody published a list, so one is drawn once for all."""

from collections.abc import Sequence

from trimformer.data.splitting.draw import split_patients
from trimformer.data.splitting.roster import Side
from trimformer.records.errors import UserError
from trimformer.records.settings import DataSettings

VALIDATION_SHARE = 0.3


def cohort_sides(patient_ids: Sequence[str], settings: DataSettings) -> dict[Side, tuple[str, ...]]:
    """Deal made patients to three sides, the same way whatever the seeds of an experiment.

    Raises:
        UserError: Nobody is left to train on.
    """
    validation = max(1, round(VALIDATION_SHARE * len(patient_ids)))
    training = len(patient_ids) - validation - settings.selection_patients
    if training < 1:
        raise UserError(
            "At least one patient is left to train on",
            f"{len(patient_ids)} patients, {validation} for validation and {settings.selection_patients} for selection",
            "Raise data.num_patients or lower data.selection_patients.",
        )
    sizes: dict[Side, int] = {
        "training": training,
        "selection": settings.selection_patients,
        "validation": validation,
    }
    return split_patients(patient_ids, sizes, seed=0)
