import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from timm.models.swin_transformer import SwinTransformer
from torch import nn

from trimformer.attention.measures.organs import measure_organs
from trimformer.attention.measures.similarity import measure_similarity
from trimformer.attention.run_measures import MEASURES, RunMeasures, measure_run
from trimformer.attention.run_subject import RunSubject, spread_slices
from trimformer.data.catalogue import load_dataset
from trimformer.records.patient_measures import PatientMeasures
from trimformer.records.profile import AttentionProfile
from trimformer.records.progress import silent
from trimformer.records.run_folder import RunFolder

Step = tuple[str, int, int]


@pytest.fixture(scope="module")
def measured(trained_run: RunFolder) -> tuple[RunMeasures, list[Step]]:
    told: list[Step] = []
    before = sorted(trained_run.path.iterdir())
    found = measure_run(trained_run, field_slices=2, field_tokens=1, progress=lambda *step: told.append(step))
    assert sorted(trained_run.path.iterdir()) == before, "nothing is written before all is measured"
    return found, told


def test_everything_is_measured_of_all_patients_and_told(measured: tuple[RunMeasures, list[Step]]) -> None:
    found, told = measured
    patients = len(found.profile.patient_ids)
    assert list(found.measures) == list(MEASURES)
    assert not found.left_out
    assert all(each.patient_ids == found.profile.patient_ids for each in found.measures.values())
    assert found.measures["receptive_field"].measures["foreground/far_field_ratio"].shape == (patients, 3)
    assert found.measures["organs"].measures["share"].shape == (patients, 2, 3, 3, 3)
    assert list(dict.fromkeys(name for name, _, _ in told)) == [
        "measuring attention",
        "measuring receptive fields",
    ]
    assert all(done <= total for _, done, total in told)
    assert told[-1] == ("measuring receptive fields", patients, patients)
    first = found.first_blocks()
    assert set(first) == set(found.measures["organs"].about["organs"])


def test_the_joined_pass_gives_what_each_measure_gives_alone(
    measured: tuple[RunMeasures, list[Step]], trained_run: RunFolder
) -> None:
    subject = RunSubject.of(trained_run)
    alone = {
        "similarity": measure_similarity(subject.model, subject.batches("", silent)),
        "organs": measure_organs(subject.model, subject.batches("", silent), subject.labels),
    }
    for name, each in alone.items():
        together = measured[0].measures[name]
        assert together.about == each.about
        for key, values in each.measures.items():
            assert together.measures[key] == pytest.approx(values, abs=1e-6, nan_ok=True), key


def test_what_is_saved_is_read_back(
    measured: tuple[RunMeasures, list[Step]], trained_run: RunFolder, tmp_path: Path
) -> None:
    run = RunFolder(shutil.copytree(trained_run.path, tmp_path / "run"))
    files = measured[0].save(run)
    assert set(files) == {"profile", *MEASURES}
    assert AttentionProfile.load(run.profile_file, run.profile_arrays).patient_ids == measured[0].profile.patient_ids
    for name, each in measured[0].measures.items():
        assert json.loads(files[name].read_text())["patient_ids"] == list(each.patient_ids)
        read = PatientMeasures.load(*run.measure_files(name), "Measure again.").measures
        assert all(np.array_equal(read[key], array, equal_nan=True) for key, array in each.measures.items())


def test_what_cannot_be_measured_is_left_out_with_the_reason(
    trained_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = RunSubject.of(trained_run)
    one = replace(subject.patients[0], labels=None)
    monkeypatch.setattr(RunSubject, "of", lambda _: replace(subject, patients=(one,)))
    unlabelled = measure_run(trained_run, field_slices=0)
    assert unlabelled.left_out == {"organs": "no patient has labels", "receptive_field": "not asked for"}
    assert unlabelled.first_blocks() == {}

    size = one.images.shape[-1]
    swin: nn.Module = SwinTransformer(
        img_size=size, in_chans=1, num_classes=2, embed_dim=8, depths=(2,), num_heads=(2,), window_size=4
    ).eval()
    monkeypatch.setattr(RunSubject, "of", lambda _: replace(subject, model=swin, patients=(one,)))
    windowed = measure_run(trained_run)
    assert not windowed.measures
    assert windowed.left_out == dict.fromkeys(MEASURES, windowed.profile.no_rollout)
    assert windowed.profile.no_rollout


def test_slices_are_spread_over_those_with_a_label(trained_run: RunFolder) -> None:
    patients = load_dataset(trained_run.experiment().data).selection
    for patient, batch in zip(patients, spread_slices(patients, 3), strict=True):
        assert patient.labels is not None and batch.labels is not None  # noqa: PT018 - both narrow a type
        labelled = np.flatnonzero(np.asarray(patient.labels).any(axis=(1, 2)))
        every = [int(labelled[math.floor(part * len(labelled))]) for part in (1 / 6, 3 / 6, 5 / 6)]
        expected = torch.cat([patient.image_tensor(slice(index, index + 1)) for index in every])
        assert batch.images.numpy() == pytest.approx(expected.numpy())
        assert batch.patient_ids == (patient.patient_id,) * 3
