import shutil

import numpy as np
import pytest

from trimformer.data.catalogue import load_dataset
from trimformer.data.preparation.slices import to_native_grid
from trimformer.evaluation.evaluate import evaluate, evaluate_run
from trimformer.evaluation.shown_volumes import shown_patients
from trimformer.metrics.dice import dice
from trimformer.models import load_model
from trimformer.records.evaluation import Evaluation
from trimformer.records.run_folder import RunFolder
from trimformer.records.shown_volumes import read_volumes


@pytest.fixture(scope="module")
def run(trained_run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("evaluated") / "small"
    shutil.copytree(trained_run.path, folder)
    return RunFolder(folder)


def test_the_truth_scores_one(run: RunFolder) -> None:
    dataset = load_dataset(run.experiment().data)
    evaluation = evaluate(lambda patient: patient.true_labels(), dataset.validation[:1], dataset.labels)  # type: ignore[misc]
    assert evaluation.mean == 1
    assert {score.hd95_mm for scores in evaluation.patients.values() for score in scores.values()} == {0.0}


def test_a_run_is_scored_on_the_patients_own_grid_and_only_on_unseen_ones(run: RunFolder) -> None:
    evaluation = evaluate_run(run)
    dataset = load_dataset(run.experiment().data)
    assert set(evaluation.patients) == {patient.patient_id for patient in dataset.validation}
    patient = dataset.validation[0]
    scores = load_model(run.path)(patient.image_tensor())
    prediction = to_native_grid(scores.detach(), patient.grid)
    assert patient.true_labels is not None
    assert prediction.shape == patient.grid.shape
    expected = dice(prediction == 2, patient.true_labels() == 2)
    assert evaluation.patients[patient.patient_id]["gray_matter"].dice == pytest.approx(expected)
    assert Evaluation.load(run.evaluation_file) == evaluation
    assert Evaluation.load(run.last_evaluation_file).checkpoint == "last"


def test_examples_show_the_same_slice_of_scan_truth_and_prediction(run: RunFolder) -> None:
    evaluate_run(run)
    with np.load(run.examples_file) as examples:
        count = len(examples["patient_ids"])
        assert examples["images"].shape == examples["truth"].shape == examples["prediction"].shape == (count, 48, 48)
        patient = load_dataset(run.experiment().data).validation[0]
        assert patient.labels is not None
        index = int(examples["slice_index"][0])
        assert (examples["truth"][0] == patient.labels[index]).all()
    volumes = read_volumes(run.volumes_file)
    assert [volume.patient_id for volume in volumes] == shown_patients(load_dataset(run.experiment().data).validation)
    assert all(volume.prediction.any() and volume.truth.any() for volume in volumes)
