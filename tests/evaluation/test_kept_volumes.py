"""What is kept of evaluated patients for the volumes page, on CT-like files with their axes in an odd order."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

from trimformer.data.catalogue import find_layout, load_dataset
from trimformer.data.dataset import Dataset
from trimformer.data.preparation.prepare import prepare_dataset
from trimformer.data.preparation.slices import PatientSlices
from trimformer.evaluation.scores import true_labels
from trimformer.evaluation.shown_volumes import VolumeKeeper, shown_patients, shown_volume
from trimformer.records.settings import DataSettings

AFFINE = np.array([[0.0, 0, -1.5, 30], [-1.25, 0, 0, 40], [0, 3.0, 0, -20], [0, 0, 0, 1]])
"""Axes towards P, S and L."""

SHAPE, BODY = (24, 12, 20), (slice(4, 21), slice(2, 11), slice(5, 16))


def write_ct(root: Path, number: int) -> None:
    """Air, a body of about 40 HU with some noise, and an organ that is larger in each patient."""
    random = np.random.default_rng(number)
    image = np.full(SHAPE, -1000, np.int16)
    image[BODY] = random.normal(40, 20, image[BODY].shape)
    labels = np.zeros(SHAPE, np.uint8)
    labels[8 : 10 + number, 4:8, 8:14] = 1
    for folder, name, voxels in (("imagesTr", f"ct{number}_0000", image), ("labelsTr", f"ct{number}", labels)):
        nibabel.save(nibabel.Nifti1Image(voxels, AFFINE), root / folder / f"{name}.nii.gz")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> DataSettings:
    root = tmp_path_factory.mktemp("Dataset001_Ct")
    for folder in ("imagesTr", "labelsTr"):
        (root / folder).mkdir()
    for number in range(8):
        write_ct(root, number)
    description = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "organ": 1}, "file_ending": ".nii.gz"}
    (root / "dataset.json").write_text(json.dumps(description | {"numTraining": 8}))
    return DataSettings(dataset="nnunet", root=str(root), image_size=16, selection_patients=1)


@pytest.fixture(scope="module")
def dataset(settings: DataSettings) -> Dataset:
    return load_dataset(settings)


def file_of(settings: DataSettings, patient: PatientSlices) -> np.ndarray:
    assert settings.root is not None
    stored = nibabel.load(Path(settings.root) / "imagesTr" / f"{patient.patient_id}_0000.nii.gz")
    return np.asarray(stored.dataobj)


def test_the_scan_is_the_files_own_without_the_air_around(settings: DataSettings, dataset: Dataset) -> None:
    patient = dataset.training[0]
    prediction = np.roll(true_labels(patient), 1, axis=0)
    prediction[0, 0, :3] = 1
    volume = shown_volume(patient, prediction, dataset, settings)
    box = (slice(2, 23), slice(0, 12), slice(3, 18))
    assert (volume.unit, volume.low, volume.high, volume.has_geometry) == ("HU", -1024.0, 1000.0, True)
    shown = volume.low + volume.scan * (volume.high - volume.low) / 255
    assert abs(shown - file_of(settings, patient)[box]).max() <= 0.51 * 2024 / 255
    assert (volume.truth == true_labels(patient)[box]).all()
    assert (volume.prediction == prediction[box]).all()
    assert volume.outside == 3
    assert volume.affine @ [0, 0, 0, 1] == pytest.approx(AFFINE @ [2, 0, 3, 1])
    assert nibabel.aff2axcodes(volume.affine) == ("P", "S", "L")


def test_what_the_model_sees_clipped_is_kept_in_finer_steps(settings: DataSettings) -> None:
    clipped = settings.model_copy(update={"clip": (-125.0, 275.0)})
    dataset = load_dataset(clipped)
    patient = dataset.training[0]
    volume = shown_volume(patient, true_labels(patient), dataset, clipped)
    assert (volume.low, volume.high) == (-125.0, 275.0)
    body = (slice(2, 19), slice(2, 11), slice(2, 13))
    expected = file_of(settings, patient)[BODY].clip(-125, 275)
    assert abs(-125 + volume.scan[body] * (400.0 / 255) - expected).max() <= 0.51 * 400 / 255


def test_of_data_prepared_beforehand_the_slices_are_put_together(
    settings: DataSettings, dataset: Dataset, tmp_path: Path
) -> None:
    prepare_dataset(find_layout(settings), tmp_path / "prepared")
    prepared = DataSettings(dataset="nnunet", prepared=str(tmp_path / "prepared"), image_size=16, selection_patients=1)
    patient = dataset.training[0]
    volume = shown_volume(patient, true_labels(patient), dataset, prepared)
    assert volume.unit == "normalised"
    image = file_of(settings, patient)
    expected = (image - image.mean()) / image.std()
    middle = tuple(size // 2 for size in volume.scan.shape)
    index = np.linalg.inv(AFFINE) @ volume.affine @ [*middle, 1]
    around = expected[tuple(slice(int(place) - 2, int(place) + 3) for place in index[:3].round())]
    shown = volume.low + volume.scan[middle] * (volume.high - volume.low) / 255
    assert around.min() <= shown <= around.max()
    assert (volume.truth > 0).sum() == (true_labels(patient) > 0).sum()


def test_patients_are_chosen_by_how_much_is_labelled(dataset: Dataset) -> None:
    everyone = [*dataset.training, *dataset.selection, *dataset.validation]
    assert shown_patients(everyone) == ["ct0", "ct4", "ct7"]
    assert shown_patients(everyone[:2]) == sorted(patient.patient_id for patient in everyone[:2])
    assert shown_patients([]) == []


def test_a_watched_predictor_predicts_as_before_and_only_the_chosen_are_kept(
    settings: DataSettings, dataset: Dataset
) -> None:
    keeper = VolumeKeeper(dataset, settings)
    predict = keeper.watching(true_labels)
    patients = [*reversed(dataset.validation), dataset.training[0]]
    assert all((predict(patient) == true_labels(patient)).all() for patient in patients)
    assert [volume.patient_id for volume in keeper.all()] == shown_patients(dataset.validation)
