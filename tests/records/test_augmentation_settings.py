import tomllib
from pathlib import Path
from typing import Any

import pytest

from trimformer.records.errors import UserError
from trimformer.records.experiment import Experiment, parse_experiment, read_experiment


def parsed(**augmentation: Any) -> Experiment:
    return parse_experiment({"augmentation": augmentation}, source="the test")


def test_the_papers_study_has_none() -> None:
    assert not Experiment().augmentation.enabled
    assert Experiment().augmentation.flip_axes == ()


def test_what_is_saved_reads_back_the_same(tmp_path: Path) -> None:
    experiment = parsed(enabled=True, flip_axes=["columns"], scaling=[0.9, 1.1], rotation_degrees=0)
    experiment.save(tmp_path / "e.toml")
    assert read_experiment(tmp_path / "e.toml") == experiment
    section = tomllib.loads((tmp_path / "e.toml").read_text())["augmentation"]
    assert (section["flip_axes"], section["scaling"], section["gamma"]) == (["columns"], [0.9, 1.1], [0.7, 1.5])


def test_a_file_that_was_saved_before_there_was_a_section_means_the_same(tmp_path: Path) -> None:
    path = tmp_path / "e.toml"
    Experiment().save(path)
    old = path.read_text().split("[augmentation]")[0]
    path.write_text(old)
    assert read_experiment(path) == Experiment()


def test_single_settings_are_changed_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "e.toml").write_text("")
    changes = ["augmentation.enabled=true", "augmentation.gamma=[1, 1]", 'augmentation.flip_axes=["rows"]']
    settings = read_experiment(tmp_path / "e.toml", changes).augmentation
    assert (settings.enabled, settings.gamma, settings.flip_axes) == (True, (1.0, 1.0), ("rows",))


@pytest.mark.parametrize(
    ("augmentation", "message"),
    [
        ({"probability": 1.5}, "augmentation.probability: input should be less than or equal to 1"),
        ({"probability": float("nan")}, "augmentation.probability: "),
        ({"noise": float("inf")}, "augmentation.noise: "),
        ({"rotation_degrees": -5}, "augmentation.rotation_degrees: "),
        ({"scaling": [1.2, 0.85]}, "augmentation.scaling: a range has its smallest value first"),
        ({"scaling": [0, 1]}, "augmentation.scaling.0: "),
        ({"gamma": [1.0]}, "augmentation.gamma.1: field required"),
        ({"flip_axes": ["left"]}, "augmentation.flip_axes.0: "),
        ({"rotation": 5}, "Valid keys there: enabled, probability, flip_axes, rotation_degrees"),
    ],
)
def test_values_outside_their_rule_are_refused(augmentation: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parsed(**augmentation)
