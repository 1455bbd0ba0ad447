from pathlib import Path

import numpy as np
import pytest

from trimformer.data.catalogue import find_layout, load_dataset
from trimformer.data.phantom.cohort import make_phantom_patient
from trimformer.data.preparation.prepare import prepare_dataset
from trimformer.data.reading.case import read_case
from trimformer.records.errors import UserError
from trimformer.records.experiment import read_data_settings
from trimformer.records.settings import DataSettings


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def settings(**changes: object) -> DataSettings:
    return DataSettings.model_validate({"dataset": "phantom", "image_size": 112, "num_patients": 4} | changes)


def test_the_same_patient_has_the_same_bytes_however_many_there_are() -> None:
    few, many = find_layout(settings(hops=2)), find_layout(settings(hops=2, num_patients=9))
    patient, again = read_case(few, few.cases[3]), read_case(many, many.cases[3])
    assert patient.labels is not None
    assert again.labels is not None
    assert patient.image.tobytes() == again.image.tobytes()
    assert patient.labels.tobytes() == again.labels.tobytes()


def test_patients_slices_and_hops_differ() -> None:
    first, second, other = (
        make_phantom_patient(patient_id, num_slices=2) for patient_id in ("hops-1-000", "hops-1-001", "hops-2-000")
    )
    planes = [patient.image[0, ..., place].tobytes() for patient in (first, second, other) for place in range(2)]
    assert len(set(planes)) == 6


def test_it_is_dealt_and_loaded_like_any_dataset() -> None:
    dataset = load_dataset(settings(selection_patients=1))
    assert [len(side) for side in (dataset.training, dataset.selection, dataset.validation)] == [2, 1, 1]
    assert dataset.labels == {1: "class_1", 2: "class_2", 3: "class_3", 4: "class_4"}
    patient = dataset.training[0]
    assert patient.labels is not None
    assert list(patient.images.shape) == [16, 1, 112, 112]
    assert list(patient.spacing_mm) == [1, 1]
    drawn = make_phantom_patient(patient.patient_id)
    assert drawn.labels is not None
    np.testing.assert_array_equal(np.moveaxis(patient.labels, 0, -1), drawn.labels)
    assert "riddles" in dataset.note


def test_other_hops_are_other_data() -> None:
    assert load_dataset(settings()).fingerprint == load_dataset(settings(hops=1)).fingerprint
    assert load_dataset(settings(hops=2)).fingerprint != load_dataset(settings(hops=1)).fingerprint


def test_prepared_riddles_are_used_for_their_own_hops_alone(tmp_path: Path) -> None:
    prepared = str(tmp_path / "prepared")
    prepare_dataset(find_layout(settings(hops=3, selection_patients=1)), Path(prepared))
    for hops in (3, None):
        load_dataset(settings(hops=hops, prepared=prepared, selection_patients=1))
    with pytest.raises(UserError, match=r"data\.hops = 1, and hops-3"):
        load_dataset(settings(hops=1, prepared=prepared, selection_patients=1))


@pytest.mark.parametrize(
    ("dataset", "override", "words"),
    [
        ("phantom", "hops=4", "less than or equal to 3"),
        ("phantom", "hops=-1", "greater"),
        ("brain", "hops=1", "only the dataset phantom"),
    ],
)
def test_hops_that_cannot_be_are_refused(dataset: str, override: str, words: str) -> None:
    with pytest.raises(UserError, match=rf"data\.hops: .*{words}"):
        read_data_settings(dataset, None, [override])


def test_too_few_patients_are_refused() -> None:
    with pytest.raises(UserError, match="left to train on"):
        find_layout(settings(selection_patients=3))
