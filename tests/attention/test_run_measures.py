import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from trimformer.attention.run_measures import organs_of_run, receptive_field_of_run, similarity_of_run, spread_slices
from trimformer.data.catalogue import load_dataset
from trimformer.records.patient_measures import PatientMeasures
from trimformer.records.run_folder import RunFolder


def test_a_runs_measures_are_written_into_its_folder(trained_run: RunFolder, tmp_path: Path) -> None:
    run = RunFolder(shutil.copytree(trained_run.path, tmp_path / "run"))
    told: list[tuple[str, int, int]] = []
    field = receptive_field_of_run(
        run, slices_per_patient=2, tokens_per_slice=1, progress=lambda *step: told.append(step)
    )
    similarity, organs = similarity_of_run(run), organs_of_run(run)
    patients = len(field.patient_ids)
    assert told[-1] == ("measuring receptive fields", patients, patients)
    assert field.measures["foreground/far_field_ratio"].shape == (patients, 3)
    assert similarity.measures["foreground/cka"].shape == (patients, 3, 3)
    assert organs.measures["share"].shape == (patients, 2, 3, 3, 3)
    for name, measures in (("receptive_field", field), ("similarity", similarity), ("organs", organs)):
        files = run.path / f"{name}.json", run.path / f"{name}.npz"
        assert json.loads(files[0].read_text())["patient_ids"] == list(field.patient_ids)
        read = PatientMeasures.load(*files, "Measure again.").measures
        assert all(np.array_equal(read[key], array, equal_nan=True) for key, array in measures.measures.items())


def test_slices_are_spread_over_those_with_a_label(trained_run: RunFolder) -> None:
    patients = load_dataset(trained_run.experiment().data).selection
    for patient, batch in zip(patients, spread_slices(patients, 3), strict=True):
        assert patient.labels is not None and batch.labels is not None  # noqa: PT018 - both narrow a type
        labelled = np.flatnonzero(np.asarray(patient.labels).any(axis=(1, 2)))
        every = [int(labelled[round(place * (len(labelled) - 1))]) for place in (0.25, 0.5, 0.75)]
        expected = torch.cat([patient.image_tensor(slice(index, index + 1)) for index in every])
        assert batch.images.numpy() == pytest.approx(expected.numpy())
        assert batch.patient_ids == (patient.patient_id,) * 3
