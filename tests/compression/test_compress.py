import hashlib
from pathlib import Path

import pytest
import torch

from trimformer.compression.compress import compress, compressed_experiment
from trimformer.models import create_model, load_model
from trimformer.records.errors import UserError
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
    model = starting_model(experiment, num_classes=4)
    trained = load_model(trained_run.path).state_dict()
    assert all(torch.equal(tensor, trained[name]) for name, tensor in model.state_dict().items())
    assert model.weights_report.initialised == ()


def test_a_compressed_decoder_begins_at_random_and_is_named(trained_run: RunFolder) -> None:
    model = starting_model(compressed_experiment(trained_run, 1, "compressed", "inherited"), num_classes=4)
    assert model.weights_report.parts() == {"transformer": "loaded", "decoder": "random", "head": "random"}


def test_from_scratch_nothing_is_inherited(trained_run: RunFolder) -> None:
    experiment = compressed_experiment(trained_run, 0, "full", "scratch")
    torch.manual_seed(experiment.seed)
    model = starting_model(experiment, num_classes=4)
    torch.manual_seed(experiment.seed)
    fresh = create_model("unetr", num_classes=4, num_blocks=0, size="tiny", image_size=48, patch_size=8)
    assert model.weights_report.source == "none"
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), fresh.parameters(), strict=True))


def test_a_unet_cannot_be_compressed(trained_run: RunFolder, tmp_path: Path) -> None:
    trained_run.experiment().with_changes(model={"name": "unet"}).save(tmp_path / "experiment.toml")
    with pytest.raises(UserError, match="has transformer blocks"):
        compressed_experiment(RunFolder(tmp_path), 1, "full", "scratch")


def test_more_blocks_than_the_run_has_are_refused(trained_run: RunFolder) -> None:
    with pytest.raises(UserError, match="at most the blocks its run has"):
        compressed_experiment(trained_run, 3, "full", "scratch")
