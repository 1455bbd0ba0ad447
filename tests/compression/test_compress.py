import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trimformer.compression.compress import compressed_experiment, own_blocks
from trimformer.models import create_model, load_model, save_model
from trimformer.records.choices import Recovery
from trimformer.records.errors import UserError
from trimformer.records.experiment import Experiment
from trimformer.records.run_folder import RunFolder
from trimformer.training.start import starting_model


def begun(folder: Path, **model: Any) -> RunFolder:
    """A run that has an experiment and nothing else yet."""
    run = RunFolder(folder)
    Experiment(name="full").with_changes(model=model).save(run.experiment_file)
    return run


@pytest.fixture
def hybrid(tmp_path: Path) -> RunFolder:
    """A pretrained run of twelve blocks."""
    return begun(tmp_path, name="cats", weights="imagenet21k", trunk_weights="imagenet")


def test_a_distilled_run_keeps_the_recipe_and_says_who_taught_it(
    trimformer: Callable[..., tuple[int, str, str]], trained_run: RunFolder, tmp_path: Path
) -> None:
    folder = tmp_path / "smaller"
    words = ("--blocks", "last1", "--weights", "distilled", "--epochs", 1, "--set", "training.batch_size=64")
    code, printed, complaint = trimformer("compress", trained_run.path, *words, "--out", folder, "--json")
    assert code == 0, complaint
    assert json.loads(printed) == {"run": str(folder), "num_blocks": 1, "blocks": [1]}
    smaller, original = RunFolder(folder), trained_run.experiment()
    experiment = smaller.experiment()
    assert experiment.name == "small-last1-full-distilled"
    assert experiment.training == original.training.model_copy(update={"epochs": 1, "batch_size": 64})
    assert (experiment.data, experiment.seed) == (original.data, original.seed)
    sha256 = hashlib.sha256(trained_run.weights_file.read_bytes()).hexdigest()
    manifest = smaller.manifest()
    assert manifest["weights"]["source"] == str(trained_run.path.resolve())
    assert manifest["weights"]["files"][0]["sha256"] == sha256
    assert manifest["teacher"] == {"run": str(trained_run.path.resolve()), "sha256": sha256}
    assert len(load_model(smaller.path).transformer.blocks) == 1


@pytest.mark.parametrize(("blocks", "first"), [(1, 0), ([0], 0), ([1], 1)])
def test_inherited_weights_are_those_of_the_kept_blocks(
    trained_run: RunFolder, blocks: int | Sequence[int], first: int
) -> None:
    experiment = compressed_experiment(trained_run, blocks, "full", "inherited")
    model = starting_model(experiment, num_classes=4, in_channels=1)
    trained = load_model(trained_run.path).state_dict()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, trained[name.replace("blocks.0.", f"blocks.{first}.")]), name
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


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ("pretrained", ("imagenet21k", "imagenet", (9, 10, 11))),
        ("inherited", ("{run}", None, (9, 10, 11))),
        ("distilled", ("{run}", None, (9, 10, 11))),
        ("scratch", ("none", None, None)),
    ],
)
def test_each_recovery_names_the_source_of_the_kept_blocks_and_of_the_trunk(
    hybrid: RunFolder, weights: Recovery, expected: tuple[str, str | None, tuple[int, ...] | None]
) -> None:
    run = str(hybrid.path.resolve())
    experiment = compressed_experiment(hybrid, [9, 10, 11], weights=weights)
    model = experiment.model
    assert (model.weights, model.trunk_weights, model.source_blocks) == (expected[0].format(run=run), *expected[1:])
    assert model.num_blocks == model.blocks_left == 3
    assert (experiment.distillation and experiment.distillation.teacher) == (run if weights == "distilled" else None)
    assert experiment.name == f"full-last3-full-{weights}"


def test_the_first_blocks_need_no_list_and_later_cuts_count_from_the_original(tmp_path: Path) -> None:
    run = begun(tmp_path, num_blocks=4, source_blocks=[0, 2, 4, 6])
    assert compressed_experiment(run, 1, weights="pretrained").model.source_blocks is None
    assert compressed_experiment(run, [0, 1, 3], weights="pretrained").model.source_blocks == (0, 2, 6)
    inherited = compressed_experiment(run, [0, 1, 3], weights="inherited")
    assert inherited.model.source_blocks == (0, 1, 3)
    assert inherited.name == "full-blocks0.1.3-full-inherited"


def test_of_permuted_blocks_only_those_that_the_run_began_from_are_permuted_again(tmp_path: Path) -> None:
    run = begun(tmp_path, num_blocks=4, permuted_blocks=True)
    permuted = {
        weights: compressed_experiment(run, 1, weights=weights).model.permuted_blocks
        for weights in ("pretrained", "inherited", "distilled", "scratch")
    }
    assert permuted == {"pretrained": True, "inherited": False, "distilled": False, "scratch": False}


def test_the_decoder_stays_as_it_is_unless_another_is_asked_for(tmp_path: Path) -> None:
    run = begun(tmp_path, decoder="compressed")
    assert compressed_experiment(run, 3).model.decoder == "compressed"
    assert compressed_experiment(run, 3, "full").model.decoder == "full"


def test_a_distilled_run_that_is_compressed_again_has_its_teacher_no_more(
    trained_run: RunFolder, tmp_path: Path
) -> None:
    taught = trained_run.experiment().with_changes(distillation={"teacher": str(trained_run.path), "weight": 0.9})
    taught.save(tmp_path / "experiment.toml")
    assert compressed_experiment(RunFolder(tmp_path), 1, weights="inherited").distillation is None
    again = compressed_experiment(RunFolder(tmp_path), 1, weights="distilled").distillation
    assert again is not None
    assert again.teacher == str(tmp_path.resolve())


@pytest.mark.parametrize("weights", ["none", "a run"])
def test_what_did_not_begin_from_pretrained_weights_has_none(tmp_path: Path, weights: str) -> None:
    source = str(begun(tmp_path / "before").path) if weights == "a run" else weights
    run = begun(tmp_path / "run", weights=source)
    with pytest.raises(UserError, match=r"the run itself began from.*Give --weights inherited"):
        compressed_experiment(run, 1, weights="pretrained")


def test_a_pretrained_trunk_alone_is_pretrained(tmp_path: Path) -> None:
    run = begun(tmp_path, name="cats", weights="none", trunk_weights="imagenet")
    model = compressed_experiment(run, [1], weights="pretrained").model
    assert (model.weights, model.trunk_weights, model.source_blocks) == ("none", "imagenet", None)


def test_a_unet_cannot_be_compressed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has transformer blocks"):
        compressed_experiment(begun(tmp_path, name="unet"), 1)


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        (13, "at most the blocks its run has; found 13 of 12"),
        ([0, 12], "counted from 0; found block 12"),
        ([0, 13, 14], "block 13, 14; "),
        ([-1], "block -1"),
        ([1, 0], "once each, rising"),
        ([1, 1], "once each, rising"),
    ],
)
def test_blocks_that_are_not_there_are_refused_by_number(
    hybrid: RunFolder, blocks: int | Sequence[int], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        compressed_experiment(hybrid, blocks)


@pytest.mark.parametrize("override", ["model.num_blocks=2", "model.weights=none", "distillation.teacher=elsewhere"])
def test_overrides_change_the_recipe_and_not_the_smaller_model(hybrid: RunFolder, override: str) -> None:
    with pytest.raises(UserError, match="is what --blocks, --decoder and --weights say"):
        compressed_experiment(hybrid, 3, weights="distilled", overrides=[override])
    milder = compressed_experiment(hybrid, 3, weights="distilled", overrides=["distillation.weight=0.1"])
    assert milder.distillation is not None
    assert milder.distillation.weight == 0.1


class OwnNetwork(nn.Module):
    """Blocks of attention between two convolutions."""

    def __init__(self, num_classes: int, num_blocks: int = 4) -> None:
        super().__init__()
        self.embed = nn.Conv2d(1, 8, 8, stride=8)
        self.blocks = nn.ModuleList(nn.TransformerEncoderLayer(8, 2, 8, batch_first=True) for _ in range(num_blocks))
        self.head = nn.ConvTranspose2d(8, num_classes, 8, stride=8)

    def forward(self, images: Tensor) -> Tensor:
        features = self.embed(images)
        tokens = features.flatten(2).transpose(1, 2)
        for block in self.blocks:
            tokens = block(tokens)
        logits: Tensor = self.head(tokens.transpose(1, 2).reshape(features.shape))
        return logits


@pytest.fixture
def own_run(tmp_path: Path) -> RunFolder:
    """A run of a network that is not ours, with weights."""
    target = f"{OwnNetwork.__module__}:OwnNetwork"
    run = begun(tmp_path / "own", target=target, num_blocks=4)
    model = create_model(target=target, num_classes=4, num_blocks=4, image_size=48)
    save_model(model, run.weights_file, run.model_file)
    return run


@pytest.mark.parametrize("weights", ["inherited", "distilled", "scratch"])
def test_the_users_own_network_is_cut_in_its_place_and_its_factory_is_told_the_same(
    own_run: RunFolder, weights: Recovery
) -> None:
    experiment = compressed_experiment(own_run, [0, 3], weights=weights)
    assert (experiment.model.num_blocks, experiment.model.kept_blocks) == (4, (0, 3))
    assert experiment.model.blocks_left == 2
    assert experiment.name == f"full-blocks0.3-{weights}"
    smaller = starting_model(
        experiment.with_changes(data={"image_size": 48}), num_classes=4, in_channels=1
    ).state_dict()
    assert {name.split(".")[2] for name in smaller if ".blocks." in name} == {"0", "3"}
    full = load_model(own_run.path).state_dict()
    assert all(torch.equal(tensor, full[name]) for name, tensor in smaller.items()) == (weights != "scratch")


def test_a_network_that_was_cut_already_has_the_blocks_it_kept(own_run: RunFolder, tmp_path: Path) -> None:
    shutil.copytree(own_run.path, tmp_path / "cut")
    cut = RunFolder(tmp_path / "cut")
    compressed_experiment(own_run, [0, 2, 3]).save(cut.experiment_file)
    assert (own_blocks(own_run), own_blocks(cut)) == ((0, 1, 2, 3), (0, 2, 3))
    assert compressed_experiment(cut, 2).model.kept_blocks == (0, 2)
    with pytest.raises(UserError, match=r"found block 1; .* has 0, 2, 3"):
        compressed_experiment(cut, [0, 1])


def test_a_compressed_decoder_is_for_hybrids(own_run: RunFolder) -> None:
    with pytest.raises(UserError, match=r"Hybrids have a compressed decoder.*OwnNetwork"):
        compressed_experiment(own_run, 2, "compressed")
    assert compressed_experiment(own_run, 2, "full").model == compressed_experiment(own_run, 2).model
