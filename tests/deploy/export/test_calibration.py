"""Which slices the ranges of activations are measured on."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from trimformer.data.catalogue import load_dataset
from trimformer.data.dataset import Dataset
from trimformer.deploy.export import calibration
from trimformer.deploy.export.calibration import calibration_slices, evenly_over
from trimformer.records.errors import UserError
from trimformer.records.run_folder import RunFolder


@pytest.fixture(scope="module")
def dataset(trained_run: RunFolder) -> Dataset:
    return load_dataset(trained_run.experiment().data)


def test_slices_are_of_training_patients_and_the_same_each_time(trained_run: RunFolder, dataset: Dataset) -> None:
    slices = calibration_slices(trained_run, 9)
    assert slices.shape == (9, 1, 48, 48)
    assert torch.equal(slices, calibration_slices(trained_run, 9))
    of_training = np.concatenate([patient.images for patient in dataset.training]).astype(np.float32)
    assert all((of_training == one.numpy()).all(axis=(1, 2, 3)).any() for one in slices)


def test_every_patient_is_seen_and_none_twice(dataset: Dataset) -> None:
    first, second = (replace(patient, images=patient.images[:5]) for patient in dataset.training[:2])
    everything = torch.cat([first.image_tensor(), second.image_tensor()])
    assert torch.equal(evenly_over((first, second), 99), everything)
    assert torch.equal(evenly_over((first, second), 4), everything[[0, 3, 6, 9]])
    assert torch.equal(evenly_over((first, second), 1), everything[:1])


def test_other_patients_than_those_of_the_training_are_refused(
    trained_run: RunFolder, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = replace(dataset, training=dataset.training[1:])
    monkeypatch.setattr(calibration, "load_dataset", lambda *_: changed)
    with pytest.raises(UserError, match=r"other files or other sides.*--precision fp32"):
        calibration_slices(trained_run)


def test_where_the_scans_are_gone_one_message_says_what_to_do(trained_run: RunFolder, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "moved")
    shutil.copytree(trained_run.path, run.path)
    told = run.experiment_file.read_text().replace("[data]", f'[data]\nprepared = "{tmp_path / "gone"}"')
    run.experiment_file.write_text(told)
    with pytest.raises(UserError, match=r"calibrated on the scans.*gone.*--precision fp32"):
        calibration_slices(run)
