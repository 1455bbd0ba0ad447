import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trimformer.evaluation.evaluate import evaluate_run
from trimformer.evaluation.refusals import refuse_evaluation_on_seen, refuse_seen_patients, refuse_unlike
from trimformer.records.errors import UserError
from trimformer.records.evaluation import Evaluation
from trimformer.records.experiment import Experiment
from trimformer.records.files import read_json, write_json
from trimformer.records.run_folder import RunFolder

ABSENT = {"dice": None, "hd95_mm": None, "surface_dice": None, "case": "absent"}


def made_run(path: Path, **changes: Any) -> RunFolder:
    """A run folder with an experiment and a manifest alone."""
    Experiment().with_changes(name=path.name, **changes).save(path / "experiment.toml")
    data = {
        "dataset": "brain",
        "labels": {"1": "wall"},
        "preprocessing": {"image_size": 224, "slice_axis": 2, "clip": None},
        "fingerprint": "abc",
        "training": ["a", "b"],
        "selection": ["c"],
        "validation": ["d", "e"],
    }
    run = RunFolder(path)
    write_json(run.manifest_file, {"data": data})
    return run


def change_data(run: RunFolder, **changes: Any) -> None:
    document = read_json(run.manifest_file, "")
    write_json(run.manifest_file, {"data": document["data"] | changes})


def scored_on(*patients: str, **changes: Any) -> Evaluation:
    document: dict[str, Any] = {
        "labels": {1: "wall"},
        "grid": "native",
        "split": "validation",
        "checkpoint": "best",
        "patients": {patient: {"wall": ABSENT} for patient in patients},
        "summary": {"wall": {"mean": None, "ci95": None, "absent": len(patients), "missed": 0, "false_alarm": 0}},
        "mean": None,
        "ci95": None,
    }
    return Evaluation.model_validate(document | changes)


@pytest.mark.parametrize(
    ("changes", "scores", "rule", "found"),
    [
        ({"dataset": "ibsr18"}, {}, "one dataset", "brain and ibsr18"),
        ({"labels": {"1": "scar"}}, {}, "the same labels", "trained: 1: wall and scar"),
        ({}, {"labels": {2: "wall"}}, "the same labels", "scored: 1: wall and None"),
        ({"preprocessing": {"image_size": 112}}, {}, "the same image grid", "image_size: 224 and 112"),
        ({}, {"grid": "model"}, "scored on the same grid", "native and model"),
        ({"selection": ["x"]}, {}, "split alike", "selection: c, x only in one"),
        ({"fingerprint": "def"}, {}, "the same files", "abc and def"),
        ({}, {"patients": {"d": {"wall": ABSENT}}}, "the same patients", "e only in one"),
        ({}, {"empty": "transunet"}, "the same rules", "left_out"),
    ],
)
def test_runs_that_cannot_stand_in_one_table_are_refused_by_name(
    tmp_path: Path, changes: dict[str, Any], scores: dict[str, Any], rule: str, found: str
) -> None:
    runs = [made_run(tmp_path / name) for name in ("one", "two")]
    change_data(runs[1], **changes)
    evaluations = [scored_on("d", "e"), scored_on("d", "e", **scores)]
    refuse_unlike(runs, evaluations[:1] * 2) if not changes else None
    with pytest.raises(UserError, match=rule) as refused:
        refuse_unlike(runs, evaluations)
    assert found in str(refused.value)
    assert f"{runs[0].path} and {runs[1].path}" in str(refused.value)


@pytest.mark.parametrize(("patient", "what"), [("a", "a trained"), ("c", "c selected the epoch of")])
def test_an_evaluation_on_patients_that_were_seen_is_refused_by_name(tmp_path: Path, patient: str, what: str) -> None:
    run = made_run(tmp_path / "one")
    refuse_evaluation_on_seen(run, scored_on("d", "e"))
    with pytest.raises(UserError, match=f"{what} .*one"):
        refuse_evaluation_on_seen(run, scored_on("d", patient))


def test_an_evaluation_of_the_selection_side_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'selection'"):
        refuse_evaluation_on_seen(made_run(tmp_path / "one"), scored_on("d", split="selection"))


def by_weights(teacher: RunFolder) -> dict[str, Any]:
    return {"model": {"weights": str(teacher.path)}}


def by_distillation(teacher: RunFolder) -> dict[str, Any]:
    return {"distillation": {"teacher": str(teacher.path)}}


@pytest.mark.parametrize("source", [by_weights, by_distillation])
def test_patients_that_an_ancestor_saw_are_refused_too(
    tmp_path: Path, source: Callable[[RunFolder], dict[str, Any]]
) -> None:
    oldest = made_run(tmp_path / "oldest")
    parent = made_run(tmp_path / "parent", **source(oldest))
    child = made_run(tmp_path / "child", **source(parent))
    refuse_seen_patients(["d"], child)
    change_data(oldest, training=["d"])
    with pytest.raises(UserError, match=r"d trained .*oldest"):
        refuse_seen_patients(["d"], child)
    change_data(oldest, dataset="another with the same ids")
    refuse_seen_patients(["d"], child)


def test_a_run_is_not_evaluated_on_patients_that_have_moved_to_validation(
    trained_run: RunFolder, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path / "small")
    shutil.copytree(trained_run.path, run.path)
    data = read_json(run.manifest_file, "")["data"]
    change_data(run, training=[*data["training"], data["validation"][0]])
    with pytest.raises(UserError, match=data["validation"][0]):
        evaluate_run(run)


@pytest.mark.parametrize(
    ("manifest", "found"),
    [([], "a list"), ({}, r"without data\.dataset"), ({"data": {"dataset": "brain"}}, r"without data\.labels")],
)
def test_a_damaged_manifest_is_told(manifest: Any, found: str, tmp_path: Path) -> None:
    run = made_run(tmp_path)
    write_json(run.manifest_file, manifest)
    with pytest.raises(UserError, match=f"manifest.*found .*{found}"):
        refuse_unlike([run], [scored_on("d")])
