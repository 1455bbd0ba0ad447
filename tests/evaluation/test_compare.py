import shutil
from pathlib import Path

import pytest

from trimformer.data.brain.cohort import make_brain_patient
from trimformer.data.catalogue import load_dataset
from trimformer.evaluation.compare import compare
from trimformer.evaluation.evaluate import evaluate
from trimformer.evaluation.rows import Candidate
from trimformer.evaluation.scores import patient_shares
from trimformer.inference.intensity import intensity_predictor
from trimformer.inference.memory import peak_memory_mb
from trimformer.models import count_parameters, load_model
from trimformer.models.anatomy.operations import count_operations
from trimformer.records.errors import UserError
from trimformer.records.evaluation import Evaluation
from trimformer.records.results import Results
from trimformer.records.run_folder import RunFolder
from trimformer.training import train


@pytest.fixture(scope="module")
def results(trained_run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, Path]:
    folder = tmp_path_factory.mktemp("comparison")
    shutil.copytree(trained_run.path, folder / "small")
    full = RunFolder(folder / "small")
    without = train(full.experiment().with_changes(name="none", model={"num_blocks": 0}), folder / "none")
    unet = train(full.experiment().with_changes(name="unet", model={"name": "unet"}), folder / "unet")
    dataset = load_dataset(full.experiment().data)
    baselines = {"intensity": evaluate(intensity_predictor(make_brain_patient), dataset.validation, dataset.labels)}
    candidates = [Candidate.of(run, is_reference=run is full) for run in (full, without, unet)]
    return compare(candidates, folder, baselines=baselines), folder


def test_every_figure_of_a_row_follows_from_models_and_scores(results: tuple[Results, Path]) -> None:
    table, folder = results
    full, without, unet, intensity = table.models
    models = {name: load_model(folder / name) for name in ("small", "none", "unet")}
    counts = {name: count_parameters(model) for name, model in models.items()}
    assert (full.role, without.role, unet.role) == ("reference", "zero blocks", "plain U-Net")
    assert (full.num_blocks, without.num_blocks, unet.num_blocks, intensity.num_blocks) == (2, 0, None, None)
    assert without.parameters == counts["none"].total
    assert without.parameters_transformer == counts["none"].transformer
    saved = 100 * (counts["small"].total - counts["none"].total) / counts["small"].total
    assert without.parameters_saved_percent == pytest.approx(saved)
    assert without.parameters_saved_by_blocks_percent == pytest.approx(saved)  # the decoder is the same
    evaluations = {name: Evaluation.load(folder / name / "evaluation.json") for name in models}
    assert full.dice.mean is not None
    assert without.dice.mean == evaluations["none"].mean
    assert without.dice_change_percent == pytest.approx(100 * (without.dice.mean - full.dice.mean) / full.dice.mean)  # type: ignore[operator]
    own, reference = (patient_shares(evaluations[name].patients) for name in ("none", "small"))
    mean = sum(own[key] - reference[key] for key in reference) / len(reference)
    assert without.versus_reference is not None
    assert without.versus_reference.mean_difference == pytest.approx(mean)
    assert without.milliseconds_per_slice is not None
    assert without.milliseconds_per_slice_p95 is not None
    assert without.milliseconds_per_slice_p95 >= without.milliseconds_per_slice > 0
    assert without.slices_per_second is not None
    assert without.slices_per_second > 0
    assert without.file_size_mb == (folder / "none/model.safetensors").stat().st_size / 1e6
    operations = count_operations(models["none"], 48)
    assert without.multiply_accumulates == operations.by_call
    assert without.multiply_accumulates_by_kernel == operations.by_kernel
    assert without.peak_memory_mb == pytest.approx(peak_memory_mb(models["none"], 1, 48))
    assert (full.reference, without.reference, unet.reference, intensity.reference) == (None, *3 * ["small"])
    assert unet.surface is not None
    assert unet.surface.tolerance_mm == 1.0
    assert unet.paper is None


def test_the_intensity_baseline_has_a_score_and_nothing_of_a_network(results: tuple[Results, Path]) -> None:
    intensity = results[0].models[-1]
    assert intensity.name == "intensity"
    assert (intensity.parameters, intensity.milliseconds_per_slice, intensity.run) == (None, None, None)
    assert intensity.dice.mean is not None


def test_results_read_back_and_name_runs_relative_to_themselves(results: tuple[Results, Path]) -> None:
    table, folder = results
    table.save(folder / "results.json")
    assert Results.load(folder / "results.json") == table
    assert [row.run for row in table.models[:3]] == ["small", "none", "unet"]
    assert table.patients.train + table.patients.validation == 12


def test_runs_on_other_patients_are_refused(results: tuple[Results, Path], tmp_path: Path) -> None:
    _, folder = results
    other = RunFolder(tmp_path / "other")
    shutil.copytree(folder / "small", other.path)
    evaluation = Evaluation.load(other.evaluation_file)
    patients = dict(list(evaluation.patients.items())[1:])
    other.experiment().with_changes(seed=1).save(other.experiment_file)
    evaluation.model_copy(update={"patients": patients}).save(other.evaluation_file)
    candidates = [Candidate(RunFolder(folder / "small"), "reference"), Candidate(other, "other")]
    with pytest.raises(UserError, match="the same patients"):
        compare(candidates, folder)
