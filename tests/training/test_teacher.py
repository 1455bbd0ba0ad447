import shutil
from pathlib import Path
from typing import Any

import pytest

from trimformer.data.catalogue import load_dataset
from trimformer.data.dataset import Dataset
from trimformer.models import SegmentationModel, create_model
from trimformer.models.weights.files import hash_file
from trimformer.records.errors import UserError
from trimformer.records.experiment import Experiment
from trimformer.records.files import write_json
from trimformer.records.run_folder import RunFolder
from trimformer.records.settings import DistillationSettings
from trimformer.training.teacher import (
    describe_teacher,
    load_teacher,
    refuse_changed_teacher,
    refuse_seen_patients,
)

TISSUES = {1: "CSF", 2: "grey matter", 3: "white matter"}


def student(**changes: Any) -> SegmentationModel:
    words: dict[str, Any] = {"num_classes": 4, "num_blocks": 1, "size": "tiny", "image_size": 48, "patch_size": 8}
    return create_model(**{"name": "unetr"} | words | changes)


def task(labels: dict[int, str]) -> Dataset:
    return Dataset("made", labels, "", (), (), ())


def taught_by(run: RunFolder, features: float = 0.0) -> DistillationSettings:
    return DistillationSettings(teacher=str(run.path), features=features)


def labels_of(run: RunFolder) -> dict[int, str]:
    return {int(value): name for value, name in run.manifest()["data"]["labels"].items()}


def test_a_teacher_of_the_same_task_is_taken_and_known_by_its_weights(
    trained_run: RunFolder, small_experiment: Experiment
) -> None:
    load_teacher(taught_by(trained_run, features=1), student(), task(labels_of(trained_run)))
    experiment = small_experiment.with_changes(distillation={"teacher": str(trained_run.path)})
    assert describe_teacher(experiment) == {
        "run": str(trained_run.path),
        "sha256": hash_file(trained_run.weights_file),
    }
    assert describe_teacher(small_experiment) is None
    assert trained_run.manifest()["teacher"] is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_classes": 5}, "classes; found 4 in .*, 5 in the student"),
        ({"in_channels": 2}, "channels; found 1 in .*, 2 in the student"),
        ({"image_size": 64}, "image size; found 48 in .*, 64 in the student"),
    ],
)
def test_a_teacher_that_sees_something_else_is_refused(
    trained_run: RunFolder, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        load_teacher(taught_by(trained_run), student(**changes), task(labels_of(trained_run)))


def test_a_teacher_whose_classes_have_other_names_is_refused(trained_run: RunFolder) -> None:
    other = {value: f"no {name}" for value, name in labels_of(trained_run).items()}
    with pytest.raises(UserError, match="its student's classes"):
        load_teacher(taught_by(trained_run), student(), task(other))


@pytest.mark.parametrize("changes", [{"size": "small"}, {"name": "unet"}, {"patch_size": 16}])
def test_token_maps_of_other_shapes_cannot_be_compared(trained_run: RunFolder, changes: dict[str, Any]) -> None:
    labels = task(labels_of(trained_run))
    load_teacher(taught_by(trained_run), student(**changes), labels)
    with pytest.raises(UserError, match=r"token maps .*; found \(192, 6, 6\)"):
        load_teacher(taught_by(trained_run, features=0.5), student(**changes), labels)


def test_a_teacher_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds experiment\.toml"):
        load_teacher(DistillationSettings(teacher=str(tmp_path)), student(), task(TISSUES))


def test_a_run_goes_on_with_the_teacher_that_it_began_with(
    trained_run: RunFolder, small_experiment: Experiment, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path / "student")
    experiment = small_experiment.with_changes(distillation={"teacher": str(trained_run.path)})
    write_json(run.manifest_file, {"teacher": describe_teacher(experiment)})
    refuse_changed_teacher(run, experiment)
    write_json(run.manifest_file, {"teacher": {"run": str(trained_run.path), "sha256": "another"}})
    with pytest.raises(UserError, match="other weights in"):
        refuse_changed_teacher(run, experiment)
    write_json(run.manifest_file, {})
    refuse_changed_teacher(run, small_experiment)


@pytest.mark.parametrize("section", [{"model": "weights"}, {"distillation": "teacher"}])
def test_a_run_that_saw_the_reported_patients_is_refused_as_a_source(
    trained_run: RunFolder, small_experiment: Experiment, tmp_path: Path, section: dict[str, str]
) -> None:
    run = RunFolder(tmp_path / "elsewhere")
    shutil.copytree(trained_run.path, run.path)
    sources = {name: {key: str(run.path)} for name, key in section.items()}
    experiment = small_experiment.with_changes(**sources)
    dataset = load_dataset(experiment.data)
    refuse_seen_patients(experiment, dataset)
    seen = dataset.training[0].patient_id
    run.manifest_file.write_text(
        run.manifest_file.read_text().replace(f'"{seen}"', f'"{dataset.validation[0].patient_id}"')
    )
    with pytest.raises(UserError, match=f"found {dataset.validation[0].patient_id} in .*elsewhere"):
        refuse_seen_patients(experiment, dataset)
    other_data = experiment.with_changes(data={"root": str(tmp_path)})
    refuse_seen_patients(other_data, dataset)
