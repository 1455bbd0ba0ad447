"""`brain`, the built-in cohort: patients simulated from one averaged brain."""

import functools
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from trimformer.data.brain.cache import cached_patient
from trimformer.data.brain.recipe import Recipe
from trimformer.data.layout import Case, Layout
from trimformer.data.patient import Patient
from trimformer.data.preprocessing import Preprocessing
from trimformer.data.scan import Scan, Volume
from trimformer.data.splitting.cohort import cohort_sides
from trimformer.records.settings import DataSettings

if TYPE_CHECKING:
    from trimformer.data.brain.template import Anatomy

LABELS = {1: "csf", 2: "gray_matter", 3: "white_matter"}

NOTE = (
    "The anatomy is one averaged brain (MNI152), warped and scanned anew for each simulated patient, so nothing here "
    "speaks about how real people differ."
)

VERSION = 1
"""To be raised when the simulation changes in any way that its recipe does not show."""

NUM_PATIENTS = 20


def find_brain(settings: DataSettings) -> Layout:
    """The simulated cohort as a layout whose cases are made when they are read.

    Raises:
        UserError: The patients are too few for three sides.
    """
    num_patients = NUM_PATIENTS if settings.num_patients is None else settings.num_patients
    patient_ids = [_patient_id(index) for index in range(num_patients)]
    sides = cohort_sides(patient_ids, settings)
    recipe = json.dumps(_recipe_document(seed=0), sort_keys=True)
    return Layout(
        dataset="brain",
        name="simulated",
        note=NOTE,
        cases=tuple(Case(patient_id, (), (), recipe=f"{patient_id} {recipe}") for patient_id in patient_ids),
        class_names=LABELS,
        label_values={value: value for value in (0, *LABELS)},
        preprocessing=Preprocessing.of(settings),
        read=_read,
        listed=sides,
    )


def make_brain_patient(patient_id: str, seed: int = 0) -> Patient:
    """One simulated axial T1 scan with the labels of `LABELS`; the same id and seed give the same bytes.

    Each is kept in the cache folder and made only once.
    """
    index = int(patient_id.removeprefix("brain-"))

    def make() -> Patient:
        from trimformer.data.brain.simulate import simulate_patient

        return simulate_patient(_anatomy(), patient_id, (seed, index), Recipe())

    return cached_patient(patient_id, _recipe_document(seed), make)


@functools.cache  # the template is loaded once, and not at all where every patient is on disk
def _anatomy() -> "Anatomy":
    from trimformer.data.brain.template import load_mni152

    return load_mni152()


def _read(case: Case) -> Scan:
    patient = make_brain_patient(case.patient_id)
    assert patient.labels is not None
    return Scan((Volume(patient.image[0], patient.affine),), Volume(patient.labels, patient.affine))


def _recipe_document(seed: int) -> dict[str, object]:
    return {"version": VERSION, "seed": seed} | asdict(Recipe())


def _patient_id(index: int) -> str:
    return f"brain-{index:03d}"
