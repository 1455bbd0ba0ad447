import numpy as np
import pytest

from trimformer.data.dataset import Dataset
from trimformer.data.patient import Patient
from trimformer.records.errors import UserError


def patient(patient_id: str, value: float = 1.0, spacing: float = 1.0, label: int = 0) -> Patient:
    image = np.full((2, 2, 2), value, np.float32)
    return Patient(patient_id, image, np.full((2, 2, 2), label, np.uint8), np.diag([spacing, 1, 1, 1]))


def dataset(first: Patient, second: Patient) -> Dataset:
    return Dataset("made", {1: "one"}, "Made up.", (first,), (second,), (patient("c"),))


def test_the_fingerprint_is_that_of_the_data() -> None:
    reference = dataset(patient("a"), patient("b")).fingerprint
    assert len(reference) == 64
    assert dataset(patient("a"), patient("b")).fingerprint == reference


def test_any_change_shows_in_the_fingerprint() -> None:
    changed = [
        dataset(patient("a"), patient("b")),
        dataset(patient("b"), patient("a")),
        dataset(patient("a", value=2.0), patient("b")),
        dataset(patient("a", spacing=2.0), patient("b")),
        dataset(patient("a", label=1), patient("b")),
        dataset(Patient("a", patient("a").image, None, np.eye(4)), patient("b")),
    ]
    assert len({each.fingerprint for each in changed}) == len(changed)


def test_a_patient_on_two_sides_is_refused() -> None:
    with pytest.raises(UserError, match="found c"):
        dataset(patient("a"), patient("c"))
