from dataclasses import replace

import numpy as np
import pytest

from trimformer.data.dataset import Dataset
from trimformer.data.patient import Patient
from trimformer.data.preparation.slices import PatientSlices, to_slices
from trimformer.data.preprocessing import Preprocessing
from trimformer.records.errors import UserError


def patient(patient_id: str, key: str = "0") -> PatientSlices:
    image = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    return replace(to_slices(Patient(patient_id, image, None, np.eye(4)), Preprocessing(16)), key=key)


def dataset(first: PatientSlices, second: PatientSlices) -> Dataset:
    return Dataset("made", {1: "one"}, "Made up.", (first,), (second,), (patient("c"),))


def test_the_fingerprint_is_that_of_the_data() -> None:
    reference = dataset(patient("a"), patient("b")).fingerprint
    assert len(reference) == 64
    assert dataset(patient("a"), patient("b")).fingerprint == reference


def test_any_change_shows_in_the_fingerprint() -> None:
    changed = [
        dataset(patient("a"), patient("b")),
        dataset(patient("b"), patient("a")),
        dataset(patient("a", key="1"), patient("b")),
        dataset(patient("d"), patient("b")),
    ]
    assert len({each.fingerprint for each in changed}) == len(changed)


def test_a_patient_on_two_sides_is_refused() -> None:
    with pytest.raises(UserError, match="found c"):
        dataset(patient("a"), patient("c"))


def lying(patient_id: str, first_way: float, low: float) -> PatientSlices:
    """A patient whose first axis leads to the right (1) or to the left (-1), and whose dark end is `low`."""
    image = np.linspace(low, 10, 8, dtype=np.float32).reshape(2, 2, 2)
    return to_slices(Patient(patient_id, image, None, np.diag([first_way, 1.0, 1.0, 1.0])), Preprocessing(16))


def test_it_says_how_its_training_scans_lie_and_between_which_intensities() -> None:
    training = (lying("a", -1, 0), lying("b", 1, -20), lying("c", 1, 0))
    found = Dataset("made", {1: "one"}, "", training, (lying("d", 1, -90),), (patient("e"),), has_geometry=True)
    assert found.orientations == {"RAS": 2, "LAS": 1}
    assert found.intensities is not None
    assert found.intensities[0] == pytest.approx((-20, 10), abs=0.3)
    assert replace(found, has_geometry=False).orientations is None
    assert replace(found, training=(*training, replace(patient("f"), intensities=None))).intensities is None
