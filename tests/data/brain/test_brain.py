from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from trimformer.data.brain.cohort import LABELS, make_brain_patient
from trimformer.data.cache_folder import cache_folder
from trimformer.data.patient import Patient
from trimformer.data.preparation.slices import to_native_grid, to_slices
from trimformer.data.preprocessing import Preprocessing
from trimformer.inference.intensity import predict_by_intensity


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> tuple[Patient, ...]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return tuple(make_brain_patient(f"brain-00{index}") for index in range(4))


def mean_dice(patient: Patient, prediction: np.ndarray) -> float:
    assert patient.labels is not None
    scores = []
    for label in LABELS:
        truth, found = patient.labels == label, prediction == label
        scores.append(2 * (truth & found).sum() / (truth.sum() + found.sum()))
    return float(np.mean(scores))


def test_a_patient_does_not_depend_on_how_many_are_made(
    cohort: tuple[Patient, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    alone = make_brain_patient("brain-000")
    assert alone.image.tobytes() == cohort[0].image.tobytes()
    assert len(list(cache_folder().iterdir())) == 1


def test_patients_differ_and_lie_whole_in_view(cohort: tuple[Patient, ...]) -> None:
    assert len({patient.image.shape for patient in cohort}) == 4
    for patient in cohort:
        assert patient.labels is not None
        assert set(np.unique(patient.labels)) == {0, *LABELS}
        for axis in range(3):
            assert not np.take(patient.labels, [0, -1], axis=axis).any()
        assert 33 <= (patient.labels > 0).any(axis=(0, 1)).sum() <= 50


def test_intensity_alone_does_not_solve_it(cohort: tuple[Patient, ...]) -> None:
    assert np.mean([mean_dice(patient, predict_by_intensity(patient)) for patient in cohort]) < 0.75


def test_the_models_grid_loses_little(cohort: tuple[Patient, ...]) -> None:
    for patient in cohort:
        slices = to_slices(patient, Preprocessing(112))
        truth = F.one_hot(torch.from_numpy(slices.labels).long(), 4).movedim(-1, 1).float()
        assert mean_dice(patient, to_native_grid(truth, slices.grid)) > 0.95
