"""One run that goes through everything: killed, its MLflow server killed too, both started again, evaluated."""

import csv
import io
import sqlite3
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file
from small_mlflow import SmallMlflow
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from trimformer.evaluation.evaluate import evaluate_run
from trimformer.records.evaluation import Evaluation
from trimformer.records.experiment import Experiment
from trimformer.records.history import read_history
from trimformer.records.run_folder import RunFolder
from trimformer.training import train
from trimformer.training.tracking import track
from trimformer.training.tracking.mlflow import LONGEST_PARAMETER, MlflowStore

CURVES = ("train_loss", "selection_loss", "selection_dice", "learning_rate")


class KilledError(Exception):
    """Stands for a kill."""


@dataclass
class Tracked:
    """The run, its server, what was warned while that was down, and how the run stood there before."""

    run: RunFolder
    mlflow: SmallMlflow
    warned: list[str]
    epochs_before: list[int]
    status_before: str


def kill_in_second_epoch() -> Callable[[str, int, int], None]:
    def progress(task: str, done: int, total: int) -> None:
        if task.startswith("training") and done == total // 2 + 2:
            raise KilledError

    return progress


@pytest.fixture(scope="module")
def tracked(small_experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Tracked:
    folder, mlflow = tmp_path_factory.mktemp("tracked") / "small", SmallMlflow()
    experiment = small_experiment.with_changes(tracking={"tensorboard": True, "mlflow": mlflow.uri})
    with pytest.raises(KilledError):
        train(experiment, folder, kill_in_second_epoch())
    epochs, status = [step for step, _ in mlflow.curve("train_loss")], mlflow.only_run["info"]["status"]
    mlflow.kill()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run = train(experiment, folder)
    mlflow.start()
    evaluate_run(run)
    track(run)
    return Tracked(run, mlflow, [str(one.message) for one in caught if "MLflow" in str(one.message)], epochs, status)


@pytest.fixture(scope="module")
def events(tracked: Tracked) -> EventAccumulator:
    return EventAccumulator(str(tracked.run.tensorboard)).Reload()


def test_the_weights_are_those_of_an_untracked_run(tracked: Tracked, trained_run: RunFolder) -> None:
    for file in ("weights_file", "last_weights_file"):
        one, other = (load_file(getattr(run, file)) for run in (tracked.run, trained_run))
        assert all(np.array_equal(one[name], other[name]) for name in other)


def test_a_dead_server_is_one_warning_with_its_name_and_what_is_missing(tracked: Tracked) -> None:
    assert tracked.epochs_before == [0]
    assert tracked.status_before == "FAILED"
    (warned,) = tracked.warned
    assert warned.startswith(f"MLflow at {tracked.mlflow.uri} does not take what small sends")
    assert "(epoch 1, and what follows)" in warned


def test_every_curve_of_the_history_is_there_once(tracked: Tracked, events: EventAccumulator) -> None:
    history = read_history(tracked.run.history_file)
    for name in CURVES:
        points = list(zip(history["epoch"].astype(int).tolist(), history[name].tolist(), strict=True))
        assert tracked.mlflow.curve(name) == points
        shown = [(event.step, event.value) for event in events.Scalars(name)]
        assert shown == [(epoch, pytest.approx(value, rel=1e-6)) for epoch, value in points]


def test_the_server_when_it_is_back_has_one_run_that_is_finished(tracked: Tracked) -> None:
    assert tracked.mlflow.only_run["info"]["status"] == "FINISHED"
    assert tracked.mlflow.only_run["info"]["run_name"] == "small"
    assert list(tracked.mlflow.experiments) == ["trimformer"]


def test_parameters_name_settings_data_and_weights(tracked: Tracked, events: EventAccumulator) -> None:
    params, manifest = tracked.mlflow.only_run["params"], tracked.run.manifest()
    assert params["model.num_blocks"] == "2"
    assert params["training.learning_rate"] == "0.001"
    assert params["data.fingerprint"] == manifest["data"]["fingerprint"]
    assert params["weights.summary"] == manifest["weights"]["summary"]
    assert not any(name.startswith("tracking") for name in params)
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    assert b"data.fingerprint" in content
    assert manifest["data"]["fingerprint"].encode() in content


def test_scores_by_class_are_a_table_and_points(tracked: Tracked, events: EventAccumulator) -> None:
    evaluation = Evaluation.load(tracked.run.evaluation_file)
    table = list(csv.DictReader(io.StringIO(tracked.mlflow.artifacts["table-evaluation.csv"].decode())))
    assert [row["class"] for row in table] == [*evaluation.summary, "mean"]
    assert float(table[-1]["dice"]) == evaluation.mean
    for name, label in evaluation.summary.items():
        assert tracked.mlflow.curve(f"dice/{name}") == [(1, label.mean)]
    (point,) = events.Scalars("dice/mean")
    assert point.value == pytest.approx(evaluation.mean, rel=1e-6)
    assert b"| class | dice |" in events.Tensors("table-evaluation/text_summary")[0].tensor_proto.string_val[0]


def test_examples_and_figures_are_pictures(tracked: Tracked, events: EventAccumulator) -> None:
    patients = np.load(tracked.run.examples_file)["patient_ids"]
    for patient in patients:
        assert f"examples/{patient}" in events.Tags()["images"]
        with Image.open(io.BytesIO(tracked.mlflow.artifacts[f"examples/{patient}.png"])) as picture:
            assert picture.size == (3 * 48, 48)
    (shown,) = events.Images(f"examples/{patients[0]}")
    assert (shown.width, shown.height) == (3 * 48, 48)


def test_what_comes_later_is_sent_and_nothing_twice(tracked: Tracked) -> None:
    tracked.run.figures.mkdir(exist_ok=True)
    Image.new("RGB", (4, 5), "red").save(tracked.run.figures / "made.png")
    before = len(tracked.mlflow.only_run["metrics"])
    track(tracked.run)
    assert len(tracked.mlflow.only_run["metrics"]) == before
    with Image.open(io.BytesIO(tracked.mlflow.artifacts["figures/made.png"])) as picture:
        assert picture.getpixel((0, 0)) == (255, 0, 0)


def test_a_folder_that_cannot_be_written_is_a_warning(tracked: Tracked, tmp_path: Path) -> None:
    run = copied(tracked.run, tmp_path, {"tensorboard": True})
    run.tensorboard.write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match=r"TensorBoard does not take what small sends: .*tensorboard"):
        track(run)


def test_a_real_database_holds_the_run_also_after_it_was_lost_there(tracked: Tracked, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    run = copied(tracked.run, tmp_path, {"mlflow": str(tmp_path / "store"), "mlflow_experiment": "thesis"})
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)  # of MLflow's own code, since SQLAlchemy 2.1
        track(run)
        client = MlflowClient(run.experiment().tracking.mlflow)
        (stored,) = client.search_runs([client.get_experiment_by_name("thesis").experiment_id])
        points = client.get_metric_history(stored.info.run_id, "train_loss")
        artifacts = {file.path for file in client.list_artifacts(stored.info.run_id)}
        client.delete_run(stored.info.run_id)
        again = MlflowStore(run.experiment(), stored.info.run_id)
    assert [(point.step, point.value) for point in points] == tracked.mlflow.curve("train_loss")
    assert stored.data.params == tracked.mlflow.only_run["params"]
    assert stored.info.status == "FINISHED"
    assert {"experiment.toml", "manifest.json", "evaluation.json", "table-evaluation.csv", "examples"} <= artifacts
    assert again.run_id != stored.info.run_id


def test_a_database_that_cannot_be_opened_is_told_at_once(tracked: Tracked, tmp_path: Path) -> None:
    (tmp_path / "store" / "mlflow.db").mkdir(parents=True)
    run = copied(tracked.run, tmp_path, {"mlflow": str(tmp_path / "store")})
    with pytest.warns(UserWarning, match="unable to open database file"):
        track(run)
    with pytest.raises(sqlite3.OperationalError):
        MlflowStore(run.experiment(), None)


def test_a_long_parameter_is_cut_where_every_server_takes_it(tracked: Tracked) -> None:
    store = MlflowStore(tracked.run.experiment(), tracked.mlflow.only_run["info"]["run_id"])
    store.parameters({"long": "x" * 7000})
    assert tracked.mlflow.only_run["params"]["long"] == "x" * (LONGEST_PARAMETER - 1) + "…"


def copied(run: RunFolder, folder: Path, tracking: dict[str, object]) -> RunFolder:
    """What the run holds, tracked elsewhere and not sent anywhere yet."""
    copy = RunFolder(folder / "small")
    copy.path.mkdir()
    for name in ("manifest_file", "history_file", "evaluation_file", "last_evaluation_file", "examples_file"):
        getattr(copy, name).write_bytes(getattr(run, name).read_bytes())
    run.experiment().with_changes(tracking={"tensorboard": False, "mlflow": "", **tracking}).save(copy.experiment_file)
    return copy
