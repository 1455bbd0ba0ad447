from pathlib import Path
from typing import Any

import pytest

from trimformer.evaluation.rows import Candidate, run_row
from trimformer.models import count_parameters, create_model
from trimformer.records.evaluation import Evaluation
from trimformer.records.experiment import Experiment
from trimformer.records.results import ModelRow
from trimformer.records.run_folder import RunFolder


@pytest.mark.parametrize(
    ("model", "role"),
    [
        ({"num_blocks": 3}, "3 blocks"),
        ({"num_blocks": 0}, "zero blocks"),
        ({"name": "unet"}, "plain U-Net"),
        ({"name": "SegResNet"}, "SegResNet"),
        ({"target": "my.networks:wide"}, "my.networks:wide"),
        ({"target": "my.networks:deep", "num_blocks": 24}, "24 blocks"),
    ],
)
def test_the_role_is_what_the_experiment_says(tmp_path: Path, model: dict[str, Any], role: str) -> None:
    Experiment().with_changes(model=model).save(tmp_path / "experiment.toml")
    assert Candidate.of(RunFolder(tmp_path), is_reference=False).role == role
    assert Candidate.of(RunFolder(tmp_path), is_reference=True).role == "reference"


def row(trained_run: RunFolder, folder: Path, model: dict[str, Any]) -> ModelRow:
    """The row of a run whose experiment names a model, with the scores of a trained one."""
    run = RunFolder(folder)
    Experiment().with_changes(model=model).save(run.experiment_file)
    scores = Candidate(trained_run, "reference").evaluation(lambda *_: None)
    for file in (run.evaluation_file, run.last_evaluation_file):
        file.write_text(trained_run.evaluation_file.read_text())
    network = create_model("unet", num_classes=2, size="tiny", image_size=32)
    assert Evaluation.load(run.evaluation_file) == scores
    return run_row(Candidate(run, "a role"), network, network, scores, scores, folder)


def test_a_network_without_transformer_has_neither_decoder_nor_savings_by_blocks(
    trained_run: RunFolder, tmp_path: Path
) -> None:
    control = row(trained_run, tmp_path, {"name": "SegResNet", "size": "tiny"})
    assert (control.size, control.num_blocks, control.decoder) == ("tiny", None, None)
    assert control.parameters == count_parameters(create_model("unet", num_classes=2, size="tiny")).total
    own = row(trained_run, tmp_path, {"target": "my.networks:deep", "num_blocks": 24})
    assert (own.size, own.num_blocks, own.decoder) == (None, 24, None)
    assert own.parameters_saved_by_blocks_percent is None


@pytest.mark.parametrize(
    ("model", "word"),
    [
        ({"weights": "none"}, "scratch"),
        ({"weights": "imagenet21k"}, "pretrained"),
        ({"weights": "vit_base_patch16_224.augreg_in21k"}, "pretrained"),
        ({"weights": "/somewhere/ViT-B_16.npz"}, "pretrained"),
        ({"weights": "/a/run/that/is.gone"}, "inherited"),
        ({"name": "cats", "weights": "none", "trunk_weights": "imagenet"}, "pretrained"),
        ({"name": "cats", "weights": "none", "trunk_weights": "none"}, "scratch"),
    ],
)
def test_where_the_weights_began_in_one_word(
    trained_run: RunFolder, tmp_path: Path, model: dict[str, Any], word: str
) -> None:
    assert row(trained_run, tmp_path, model).weights == word


def test_a_run_folder_that_is_there_is_inherited_from(trained_run: RunFolder, tmp_path: Path) -> None:
    assert row(trained_run, tmp_path, {"weights": str(trained_run.path)}).weights == "inherited"
