import numpy as np
import pytest

from trimformer.data import catalogue
from trimformer.data.patient import Patient
from trimformer.records.errors import UserError
from trimformer.records.experiment import DataSettings


@pytest.fixture(autouse=True)
def _small_patients(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(num_patients: int) -> tuple[Patient, ...]:
        image, labels = np.zeros((2, 2, 2), np.float32), np.zeros((2, 2, 2), np.uint8)
        return tuple(Patient(f"p{index:02d}", image, labels, np.eye(4)) for index in range(num_patients))

    monkeypatch.setattr(catalogue, "make_brain_cohort", make)


@pytest.mark.parametrize(
    ("num_patients", "selection", "sizes"),
    [(None, 2, (12, 2, 6)), (20, 4, (10, 4, 6)), (10, 2, (5, 2, 3)), (4, 2, (1, 2, 1)), (4, 1, (2, 1, 1))],
)
def test_brain_is_dealt_to_three_sides(num_patients: int | None, selection: int, sizes: tuple[int, int, int]) -> None:
    dataset = catalogue.load_dataset(DataSettings(num_patients=num_patients, selection_patients=selection))
    assert (len(dataset.training), len(dataset.selection), len(dataset.validation)) == sizes
    assert dataset.labels == {1: "csf", 2: "gray_matter", 3: "white_matter"}
    assert "one averaged brain" in dataset.note


def test_too_few_patients_are_refused() -> None:
    with pytest.raises(UserError, match="left to train on"):
        catalogue.load_dataset(DataSettings(num_patients=4, selection_patients=3))


def test_an_unknown_name_lists_the_valid_ones() -> None:
    with pytest.raises(UserError, match=r"'brian'.*Valid names: brain\."):
        catalogue.load_dataset(DataSettings(dataset="brian"))
