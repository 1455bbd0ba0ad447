import tomllib
from pathlib import Path
from typing import Any

import pytest

from trimformer.records.errors import UserError
from trimformer.records.experiment import Experiment, parse_experiment, read_experiment


def experiment(**model: Any) -> Experiment:
    return parse_experiment({"model": model}, source="the test")


@pytest.mark.parametrize(
    "model",
    [
        {"name": "unetr", "num_blocks": 3, "source_blocks": [9, 10, 11]},
        {"name": "cats", "num_blocks": 0, "source_blocks": []},
        {"target": "my.networks:deep", "kept_blocks": [0, 5]},
        {"name": "monai.UNETR", "kept_blocks": []},
    ],
)
def test_chosen_blocks_survive_the_file(model: dict[str, Any], tmp_path: Path) -> None:
    made = experiment(**model)
    made.save(tmp_path / "experiment.toml")
    read = read_experiment(tmp_path / "experiment.toml")
    assert read.model == made.model
    word = "source_blocks" if "source_blocks" in model else "kept_blocks"
    assert tomllib.loads((tmp_path / "experiment.toml").read_text())["model"][word] == model[word]


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ({"num_blocks": 2, "source_blocks": [9, 10, 11]}, "one number for each of num_blocks"),
        ({"source_blocks": [0]}, "one number for each of num_blocks"),
        ({"num_blocks": 2, "source_blocks": [3, 1]}, "named once each, rising"),
        ({"num_blocks": 1, "source_blocks": [-1]}, "source_blocks.0"),
        ({"permuted_blocks": True, "weights": "none"}, "for hybrids that begin with weights"),
        ({"num_blocks": 1, "source_blocks": [1], "weights": "none"}, "blocks of the weights that a hybrid begins with"),
        ({"target": "a:b", "source_blocks": [1], "weights": "run"}, "blocks of the weights that a hybrid begins with"),
        ({"num_blocks": 1, "kept_blocks": [1]}, "a hybrid has num_blocks"),
        ({"name": "unet", "kept_blocks": [1]}, "for targets and monai's networks"),
        ({"target": "a:b", "kept_blocks": [1, 1]}, "named once each, rising"),
    ],
)
def test_blocks_that_do_not_fit_the_model_are_refused(model: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        experiment(**model)
