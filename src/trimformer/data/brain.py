"""`brain`, the built-in cohort: patients simulated from one averaged brain."""

import functools
from dataclasses import asdict
from typing import TYPE_CHECKING

from trimformer.data.cache import cached_patient
from trimformer.data.patient import Patient
from trimformer.data.recipe import Recipe

if TYPE_CHECKING:
    from trimformer.data.template import Anatomy

LABELS = {1: "csf", 2: "gray_matter", 3: "white_matter"}

NOTE = (
    "The anatomy is one averaged brain (MNI152), warped and scanned anew for each simulated patient, so nothing here "
    "speaks about how real people differ."
)

VERSION = 1
"""To be raised when the simulation changes in any way that its recipe does not show."""


def make_brain_cohort(num_patients: int = 20, seed: int = 0) -> tuple[Patient, ...]:
    """Simulated axial T1 scans with the labels of `LABELS`; the same seed gives the same bytes.

    Patient i is the same however many are made. Each is kept in the cache folder and made only once.
    """
    recipe = Recipe()

    @functools.cache  # the template is loaded once a cohort, and not at all where every patient is on disk
    def anatomy() -> "Anatomy":
        from trimformer.data.template import load_mni152

        return load_mni152()

    def make(index: int) -> Patient:
        from trimformer.data.simulate import simulate_patient

        return simulate_patient(anatomy(), _patient_id(index), (seed, index), recipe)

    settings = {"version": VERSION, "seed": seed} | asdict(recipe)
    return tuple(
        cached_patient(_patient_id(index), settings, functools.partial(make, index)) for index in range(num_patients)
    )


def _patient_id(index: int) -> str:
    return f"brain-{index:03d}"
