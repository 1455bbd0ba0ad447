"""Exports in a comparison; the file is made up, its network that of the tests' own run."""

import shutil
from functools import partial

import pytest
import torch
from torch import Tensor

from trimformer.evaluation.compare import compare
from trimformer.evaluation.evaluate import evaluate_run
from trimformer.evaluation.exports import Export, Unscored, evaluate_export
from trimformer.evaluation.rows import Candidate, references, rows_of
from trimformer.inference.predict import Network, model_network
from trimformer.inference.sized_network import SizedNetwork
from trimformer.models import load_model
from trimformer.records.evaluation import Evaluation
from trimformer.records.export_evaluation import ExportEvaluation
from trimformer.records.progress import silent
from trimformer.records.run_folder import RunFolder


def nothing(_: Tensor) -> Tensor:
    raise AssertionError("nobody needed this network")


def doubling() -> Network:
    """A cheap one for the other process."""
    return lambda images: images.repeat(1, 4, 1, 1)


def made_export(
    run: RunFolder, name: str = "small.onnx", kind: str = "ONNX fp32", network: Network = nothing
) -> Export:
    return Export(run.path / "exports" / name, kind, "abc", SizedNetwork(network, 1, 48), 1.5, doubling)


@pytest.fixture(scope="module")
def run(trained_run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run = RunFolder(tmp_path_factory.mktemp("runs") / "small")
    shutil.copytree(trained_run.path, run.path)
    if not run.evaluation_file.exists():
        evaluate_run(run)
    (run.path / "exports").mkdir()
    return run


def test_an_export_is_scored_on_the_patients_of_its_run_once(run: RunFolder) -> None:
    export = made_export(run, network=model_network(load_model(run.path)))
    found = evaluate_export(export, run, silent)
    assert found == Evaluation.load(run.evaluation_file)
    assert export.evaluation_file.name == "small.onnx.evaluation.json"
    assert evaluate_export(made_export(run), run, silent) == found


@pytest.mark.parametrize("changes", [{"digest": "of another file"}, {"evaluation": "of other patients"}])
def test_scores_of_another_file_or_of_other_patients_are_made_anew(run: RunFolder, changes: dict[str, str]) -> None:
    export = made_export(run, "changed.onnx", network=model_network(load_model(run.path)))
    known = Evaluation.load(run.evaluation_file)
    fewer = known.model_copy(update={"patients": dict(list(known.patients.items())[1:])})
    digest = changes.get("digest", export.digest)
    ExportEvaluation(digest=digest, evaluation=fewer if "evaluation" in changes else known).save(export.evaluation_file)
    with pytest.raises(AssertionError, match="nobody needed"):
        evaluate_export(made_export(run, "changed.onnx"), run, silent)
    assert evaluate_export(export, run, silent) == known
    assert ExportEvaluation.load(export.evaluation_file).digest == "abc"


def test_exports_of_a_kind_share_a_row_over_seeds_and_are_compared_with_their_run(run: RunFolder) -> None:
    other = RunFolder(run.path.parent / "small-1")
    other.path.mkdir()
    run.experiment().with_changes(name="small-1", seed=1).save(other.experiment_file)
    first = RunFolder(run.path.parent / "first")
    first.path.mkdir()
    run.experiment().with_changes(name="first", model={"num_blocks": 0}).save(first.experiment_file)
    exports = [
        Candidate(of, "ONNX fp32", made_export(of, f"{name}.onnx"))
        for of, name in ((run, "small-0"), (other, "small-1"))
    ]
    int8 = Candidate(run, "OpenVINO int8", made_export(run, "small-int8.xml", "OpenVINO int8"))
    candidates = [Candidate(one, "run") for one in (first, run, other)]
    rows = rows_of([*candidates, *exports, int8], run.path.parent)
    assert [row.name for row in rows] == ["first", "small", "small.onnx", "small-int8.xml"]
    assert rows[2].paths(run.path.parent) == ("small/exports/small-0.onnx", "small-1/exports/small-1.onnx")
    assert references(rows) == [None, 0, 1, 1]
    assert references(rows_of([int8, *candidates], run.path.parent)) == [None, 0, 0]
    assert references(rows_of([candidates[0], int8], run.path.parent)) == [None, 0]


def test_a_row_of_an_export_has_its_own_scores_and_costs_and_the_layers_of_its_run(run: RunFolder) -> None:
    network = model_network(load_model(run.path))
    scored = Candidate(run, "ONNX fp32", made_export(run, network=network))
    stray = made_export(run, "stray.xml", "OpenVINO int8", lambda images: torch.zeros(len(images), 4, 48, 48))
    candidates = [Candidate(run, "reference"), scored]
    results = compare(candidates, run.path.parent, unscored=[Unscored(stray, "Nobody knows its run.")])
    own, export, bare = results.models
    assert (export.name, export.role, export.reference) == ("small.onnx", "ONNX fp32", "small")
    assert (export.run, export.runs, export.exports) == (None, (), ("small/exports/small.onnx",))
    assert export.dice.by_class == own.dice.by_class
    assert export.dice.mean_last_epoch is None
    assert export.versus_reference is not None
    assert export.versus_reference.mean_difference == 0
    assert (export.parameters, export.multiply_accumulates) == (own.parameters, own.multiply_accumulates)
    assert (export.peak_memory_mb, export.file_size_mb) == (None, 1.5)
    assert own.peak_memory_mb is not None
    assert all(row.resident_mb is not None and row.resident_mb > 0 for row in results.models)
    assert (bare.name, bare.unscored, bare.dice.mean) == ("small/exports/stray.xml", "Nobody knows its run.", None)
    assert bare.milliseconds_per_slice is not None
    assert (bare.parameters, bare.reference, bare.versus_reference) == (None, None, None)


def test_without_exports_nobody_starts_another_process(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trimformer.evaluation.costs.resident_growth_mb", partial(pytest.fail, "a process was started"))
    [row] = compare([Candidate(run, "reference")], run.path.parent).models
    assert row.resident_mb is None
