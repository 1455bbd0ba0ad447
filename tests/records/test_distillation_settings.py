from pathlib import Path

import pytest

from trimformer.records.errors import UserError
from trimformer.records.experiment import Experiment, read_experiment


def test_an_experiment_has_no_teacher_unless_it_names_one() -> None:
    assert Experiment().distillation is None


def test_a_teacher_reads_back_and_its_path_is_kept_from_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    distilled = Experiment().with_changes(distillation={"teacher": "runs/full", "weight": 0.25})
    distilled.save(tmp_path / "e.toml")
    again = read_experiment(tmp_path / "e.toml")
    assert again == distilled
    assert again.distillation is not None
    assert again.distillation.teacher == str(tmp_path / "runs" / "full")
    assert again.with_changes(distillation=None).distillation is None


@pytest.mark.parametrize("wrong", ["weight=1.5", "weight=-0.1", "temperature=0", "features=-1"])
def test_values_outside_their_rule_are_refused(wrong: str) -> None:
    with pytest.raises(UserError, match=wrong.partition("=")[0]):
        Experiment().with_overrides(["distillation.teacher=runs/full", f"distillation.{wrong}"])


def test_an_unknown_key_names_those_of_the_section() -> None:
    with pytest.raises(UserError, match="Valid keys there: teacher, weight, temperature, features"):
        Experiment().with_overrides(["distillation.teacher=runs/full", "distillation.heat=2"])


def test_overrides_change_an_experiment_that_is_there_already() -> None:
    experiment = Experiment(name="a", seed=3).with_changes(model={"trunk_weights": None, "num_blocks": 3})
    changed = experiment.with_overrides(["training.epochs=4", "data.root=here"])
    assert (changed.name, changed.seed, changed.model.num_blocks, changed.training.epochs) == ("a", 3, 3, 4)
    assert experiment.training.epochs == 80
