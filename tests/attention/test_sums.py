import numpy as np
import pytest
import torch

from trimformer.attention.measures.sums import PatientMeans

VALUES = torch.randn(6, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
WEIGHTS = torch.tensor([1.0, 2.0, 0.0, 4.0, 1.0, 3.0])
PATIENTS = ("a", "a", "a", "b", "b", "a")


def test_the_mean_is_weighted_within_each_patient() -> None:
    means = PatientMeans()
    means.add(PATIENTS, {"x": VALUES}, WEIGHTS)
    assert means.patient_ids == ("a", "b")
    expected = [
        np.average(VALUES[[0, 1, 2, 5]].numpy(), axis=0, weights=[1, 2, 0, 3]),
        np.average(VALUES[[3, 4]].numpy(), axis=0, weights=[4, 1]),
    ]
    assert means.means()["x"] == pytest.approx(np.stack(expected))


def test_two_halves_merge_to_the_whole() -> None:
    whole, first, second = PatientMeans(), PatientMeans(), PatientMeans()
    whole.add(PATIENTS, {"x": VALUES}, WEIGHTS)
    first.add(PATIENTS[:4], {"x": VALUES[:4]}, WEIGHTS[:4])
    second.add(PATIENTS[4:], {"x": VALUES[4:]}, WEIGHTS[4:])
    first.merge(second)
    assert first.means()["x"] == pytest.approx(whole.means()["x"], abs=1e-12)


def test_a_missing_value_does_not_count_and_a_patient_without_values_is_missing() -> None:
    values = torch.tensor([[1.0, torch.nan], [3.0, torch.nan]])
    means = PatientMeans()
    means.add(("a", "a"), {"x": values}, torch.ones(2))
    assert means.means()["x"][0, 0] == 2
    assert np.isnan(means.means()["x"][0, 1])
