import hashlib
from pathlib import Path

import pytest
import torch

from trimformer.compression.compress import compress, compressed_experiment
from trimformer.models import create_model, load_model
from trimformer.records.errors import UserError
from trimformer.records.experiment import Experiment
from trimformer.records.run_folder import RunFolder
from trimformer.training.start import starting_model


def test_a_compressed_run_keeps_the_recipe_and_says_where_its_weights_come_from(
    trained_run: RunFolder, tmp_path: Path
) -> None:
    smaller = compress(trained_run, 1, tmp_path / "smaller", weights="inherited")
    experiment, original = smaller.experiment(), trained_run.experiment()
    assert (experiment.training, experiment.data, experiment.seed) == (original.training, original.data, original.seed)
    assert experiment.model.num_blocks == 1
    weights = smaller.manifest()["weights"]
    assert weights["source"] == str(trained_run.path.resolve())
    assert weights["files"][0]["sha256"] == hashlib.sha256(trained_run.weights_file.read_bytes()).hexdigest()
    assert len(load_model(smaller.path).transformer.blocks) == 1


def test_inherited_weights_are_the_runs_first_blocks(trained_run: RunFolder) -> None:
    experiment = compressed_experiment(trained_run, 1, "full", "inherited")
    model = starting_model(experiment, num_classes=4, in_channels=1)
    trained = load_model(trained_run.path).state_dict()
    assert all(torch.equal(tensor, trained[name]) for name, tensor in model.state_dict().items())
    assert model.weights_report.initialised == ()


def test_a_compressed_decoder_begins_at_random_and_is_named(trained_run: RunFolder) -> None:
    experiment = compressed_experiment(trained_run, 1, "compressed", "inherited")
    model = starting_model(experiment, num_classes=4, in_channels=1)
    assert model.weights_report.parts() == {"transformer": "loaded", "decoder": "random", "head": "random"}


def test_from_scratch_nothing_is_inherited(trained_run: RunFolder) -> None:
    experiment = compressed_experiment(trained_run, 0, "full", "scratch")
    torch.manual_seed(experiment.seed)
    model = starting_model(experiment, num_classes=4, in_channels=1)
    torch.manual_seed(experiment.seed)
    fresh = create_model("unetr", num_classes=4, num_blocks=0, size="tiny", image_size=48, patch_size=8)
    assert model.weights_report.source == "none"
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), fresh.parameters(), strict=True))


def test_a_unet_cannot_be_compressed(trained_run: RunFolder, tmp_path: Path) -> None:
    trained_run.experiment().with_changes(model={"name": "unet"}).save(tmp_path / "experiment.toml")
    with pytest.raises(UserError, match="has transformer blocks"):
        compressed_experiment(RunFolder(tmp_path), 1, "full", "scratch")


def test_the_trunk_begins_where_the_transformer_does(trained_run: RunFolder, tmp_path: Path) -> None:
    cats = {"name": "cats", "weights": "imagenet21k", "trunk_weights": "imagenet"}
    trained_run.experiment().with_changes(model=cats).save(tmp_path / "experiment.toml")
    inherited, scratch = (
        compressed_experiment(RunFolder(tmp_path), 1, "full", weights).model for weights in ("inherited", "scratch")
    )
    assert (inherited.weights, inherited.trunk_weights) == (str(tmp_path.resolve()), None)
    assert (scratch.weights, scratch.trunk_weights) == ("none", None)


def test_the_users_own_network_is_trained_anew_with_fewer_blocks_and_inherits_nothing(tmp_path: Path) -> None:
    own = Experiment().with_changes(model={"target": "my.networks:deep", "num_blocks": 24})
    own.save(tmp_path / "experiment.toml")
    run = RunFolder(tmp_path)
    assert compressed_experiment(run, 13, "full", "scratch").model.num_blocks == 13
    with pytest.raises(UserError, match=r"inherited by the hybrids; found my\.networks:deep"):
        compressed_experiment(run, 13, "full", "inherited")


def test_more_blocks_than_the_run_has_are_refused(trained_run: RunFolder) -> None:
    with pytest.raises(UserError, match="at most the blocks its run has"):
        compressed_experiment(trained_run, 3, "full", "scratch")
