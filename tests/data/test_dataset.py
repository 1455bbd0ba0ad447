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
