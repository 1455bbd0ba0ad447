import json
from pathlib import Path

import pytest

from trimformer.cli.augment import augmentation
from trimformer.records.errors import UserError
from trimformer.records.experiment import Experiment


@pytest.fixture
def experiment(small_experiment: Experiment, tmp_path: Path) -> Path:
    small_experiment.save(tmp_path / "e.toml")
    return tmp_path / "e.toml"


def test_the_preview_is_drawn_and_says_that_training_would_not_use_it(
    experiment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    augmentation(experiment, tmp_path / "a b.png")
    printed = capsys.readouterr().out
    assert (tmp_path / "a b.png").read_bytes().startswith(b"\x89PNG")
    assert "Training would not use any of it" in printed


def test_json_is_one_document(experiment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    augmentation(experiment, tmp_path / "p.png", ["augmentation.enabled=true"], json=True)
    document = json.loads(capsys.readouterr().out)
    assert document["preview"] == str(tmp_path / "p.png")
    assert document["enabled"] is True
    assert document["patient"].startswith("brain-")


def test_a_wrong_name_is_told_before_data_are_read(
    experiment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trimformer.data.catalogue.load_dataset", lambda *_: pytest.fail("data were read"))
    with pytest.raises(UserError, match=r"\.png"):
        augmentation(experiment, tmp_path / "p.svg")
