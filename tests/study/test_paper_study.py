"""studies/paper.toml: its rows are the paper's, and the command line runs all of them on small made files."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import made_datasets
import pytest

from trimformer.models import count_parameters
from trimformer.records.experiment import Experiment
from trimformer.records.results import Results
from trimformer.records.study import read_study
from trimformer.records.study_results import StudyResults
from trimformer.study.costs import PUBLISHED_CLASSES, DataCost, model_without_data
from trimformer.study.plan import Plan, plan_study

STUDY = Path(__file__).parents[2] / "studies" / "paper.toml"

PARAMETERS = {
    "ibsr18-transunet-12": 105_276_356,
    "ibsr18-transunet-3": 41_485_508,
    "ibsr18-transunet-1": 27_309_764,
    "ibsr18-cats-12": 136_810_564,
    "ibsr18-cats-3": 53_150_724,
    "ibsr18-unetr-12": 111_814_148,
    "ibsr18-unetr-3": 27_814_020,
    "emidec-transunet-12": 105_276_356,
    "emidec-transunet-3": 41_485_508,
    "emidec-transunet-1": 27_309_764,
    "emidec-cats-12": 107_135_300,
    "emidec-cats-3": 37_046_020,
    "emidec-unetr-12": 111_814_148,
    "emidec-unetr-3": 27_814_020,
    "synapse-transunet-12": 105_277_081,
    "synapse-transunet-3": 41_486_233,
    "synapse-transunet-1": 27_310_489,
    "synapse-cats-12": 132_537_545,
    "synapse-cats-3": 48_877_705,
    "synapse-unetr-12": 111_817_033,
    "synapse-unetr-3": 27_816_905,
}
"""As the paper's program counts them."""

SAVED_PERCENT = {
    "ibsr18": (0, 60.59, 74.06, 0, 61.15, 0, 75.12),
    "emidec": (0, 60.59, 74.05, 0, 65.42, 0, 75.12),
    "synapse": (0, 60.59, 74.05, 0, 63.12, 0, 75.12),
}
"""As the paper prints it, row by row; a full model saves nothing."""


def test_the_rows_have_the_papers_size(tmp_path: Path) -> None:
    runs = {job.name: job.experiment for job in plan_study(read_study(STUDY), tmp_path).jobs}
    counts = {name: parameters(experiment) for name, experiment in runs.items()}
    assert counts == PARAMETERS
    for dataset, saved in SAVED_PERCENT.items():
        of_dataset = {name: count for name, count in counts.items() if runs[name].data.dataset == dataset}
        for (name, count), percent in zip(of_dataset.items(), saved, strict=True):
            full = counts[f"{name.rpartition('-')[0]}-12"]
            # Two of the paper's own figures are cut off where they should be rounded.
            assert 100 * (full - count) / full == pytest.approx(percent, abs=0.0101), name


def parameters(experiment: Experiment) -> int:
    model = model_without_data(experiment, DataCost(1 + PUBLISHED_CLASSES[experiment.data.dataset]))
    assert model is not None
    return count_parameters(model).total


def test_the_rows_follow_the_papers_protocol(tmp_path: Path) -> None:
    for job in plan_study(read_study(STUDY), tmp_path).jobs:
        experiment = job.experiment
        training, model = experiment.training, experiment.model
        assert (training.learning_rate, training.weight_decay, training.batch_size) == (1e-4, 0, 8)
        assert training.epochs == (100 if experiment.data.dataset == "emidec" else 80)
        assert (model.size, model.patch_size, model.weights) == ("base", 16, "imagenet21k")
        assert (experiment.data.image_size, training.schedule, experiment.augmentation.enabled) == (
            224,
            "constant",
            False,
        )
        is_smaller = model.num_blocks == 3 and model.name != "transunet"
        assert model.decoder == ("compressed" if is_smaller else "full")
        trunks = {"ibsr18": "resnet50", "emidec": "resnet34", "synapse": "densenet121"}
        assert model.trunk == (trunks[experiment.data.dataset] if model.name == "cats" else None)


@dataclass(frozen=True)
class Ended:
    plan: Plan
    printed: str


@pytest.fixture(scope="module")
def paper_study(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """All 21 rows, typed as a user types it: tiny models, one epoch, 32 pixels, cohorts in the three true layouts."""
    folder = tmp_path_factory.mktemp("paper")
    training, validation = made_datasets.SYNAPSE_TRAINING, made_datasets.SYNAPSE_VALIDATION
    roots = {
        "ibsr18": made_datasets.write_ibsr18_misa(folder / "ibsr18", shape=(32, 3, 32)),
        "emidec": made_datasets.write_emidec(folder / "emidec", pathological=6, normal=3, shape=(100, 98, 2)),
        "synapse": made_datasets.write_synapse_npz(folder / "synapse", training, validation, slices=2),
    }
    changes = ("model.size=tiny", "model.weights=none", "training.epochs=1", "data.image_size=32")
    options = [*(f"--set={change}" for change in changes), *(f"--root={name}={root}" for name, root in roots.items())]
    command = [str(Path(sys.executable).parent / "trimformer"), "study", str(STUDY), "--out", str(folder / "out")]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    in_words = {name: str(root) for name, root in roots.items()}
    return Ended(plan_study(read_study(STUDY), folder / "out", overrides=changes, roots=in_words), done.stdout)


@pytest.mark.slow
def test_all_21_rows_run_and_stand_in_the_papers_tables(paper_study: Ended) -> None:
    results = StudyResults.load(paper_study.plan.folder / "results.json")
    assert (results.study, results.done, results.failed) == ("paper", 21, ())
    for number, comparison in enumerate(results.comparisons, start=1):
        rows = Results.load(paper_study.plan.folder / comparison.folder / "results.json").models
        assert [row.name for row in rows] == [name for name in PARAMETERS if name.startswith(comparison.dataset)]
        assert [row.paper and row.paper.table for row in rows] == [number] * 7
        assert [row.paper and row.paper.parameters for row in rows] == [PARAMETERS[row.name] for row in rows]
        assert {row.weights for row in rows} == {"scratch"}
        assert (paper_study.plan.folder / comparison.folder / "report.html").is_file()
    assert [comparison.dataset for comparison in results.comparisons] == ["ibsr18", "emidec", "synapse"]
    assert (paper_study.plan.folder / "report.html").is_file()


@pytest.mark.slow
def test_tables_1_to_3_are_printed(paper_study: Ended) -> None:
    for number in (1, 2, 3):
        assert f"Table {number} of the paper" in paper_study.printed
    assert "0.816" in paper_study.printed  # the first figure of the paper's Table 1


@pytest.mark.slow
def test_a_study_that_is_done_has_nothing_left_to_do(paper_study: Ended) -> None:
    assert [job.name for job in paper_study.plan.jobs if not job.is_done] == []
