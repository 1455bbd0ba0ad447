from pathlib import Path

import pytest

from trimformer.records.errors import UserError
from trimformer.records.experiment import Experiment, parse_experiment, read_experiment
from trimformer.records.tracking import TrackingSettings, resolve_tracking_uri


@pytest.mark.parametrize(
    "uri", ["", "http://127.0.0.1:5000", "https://mlflow.example.org/base", "postgresql+psycopg://me@db/mlflow"]
)
def test_addresses_stay_as_they_are(uri: str) -> None:
    assert TrackingSettings(mlflow=uri).mlflow == uri
    assert TrackingSettings(mlflow=uri).database_file is None


@pytest.mark.parametrize("uri", ["tracked", "file:tracked", "sqlite:///tracked/mlflow.db"])
def test_folders_and_files_are_kept_from_the_root(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = TrackingSettings(mlflow=uri)
    assert settings.database_file == tmp_path / "tracked" / "mlflow.db"
    assert settings.mlflow == f"sqlite:///{tmp_path}/tracked/mlflow.db"
    assert resolve_tracking_uri(settings.mlflow) == settings.mlflow


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("htp://host:5000", "begins with http://, https://, sqlite://"),
        ("http://:5000", "begins with"),
        ("http://me:secret@host", "no password"),
    ],
)
def test_an_address_that_cannot_be_is_refused(uri: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_experiment({"tracking": {"mlflow": uri}}, source="the tests")


def test_where_a_run_is_tracked_is_no_part_of_what_it_is(tmp_path: Path) -> None:
    tracked = Experiment(tracking=TrackingSettings(tensorboard=True))
    assert tracked != Experiment()
    assert tracked.without_tracking() == Experiment()
    tracked.save(tmp_path / "experiment.toml")
    assert read_experiment(tmp_path / "experiment.toml") == tracked
