from pathlib import Path

import pytest

from trimformer.records.errors import UserError
from trimformer.records.experiment import Experiment, read_experiment


def written(folder: Path, text: str) -> Path:
    path = folder / "experiment.toml"
    path.write_text(text)
    return path


def test_the_defaults_are_the_papers_protocol() -> None:
    experiment = Experiment()
    training = experiment.training
    assert (training.epochs, training.batch_size, training.learning_rate) == (80, 8, 1e-4)
    assert (training.weight_decay, training.schedule) == (0.0, "constant")
    assert (experiment.data.image_size, experiment.model.patch_size, experiment.model.num_blocks) == (224, 16, 12)


def test_epochs_follow_the_dataset_unless_they_are_given(tmp_path: Path) -> None:
    path = written(tmp_path, '[data]\ndataset = "emidec"\n')
    assert read_experiment(path).training.epochs == 100
    assert read_experiment(path, ["training.epochs=3"]).training.epochs == 3


def test_what_is_saved_reads_back_the_same(tmp_path: Path) -> None:
    experiment = Experiment(name="a-1").with_changes(model={"num_blocks": 3}, training={"precision": "32"})
    experiment.save(tmp_path / "e.toml")
    assert read_experiment(tmp_path / "e.toml") == experiment


@pytest.mark.parametrize(
    ("model", "name", "num_blocks", "weights"),
    [
        ("", "unetr", 12, "imagenet21k"),
        ('name = "CATS"', "cats", 12, "imagenet21k"),
        ('name = "trans_unet"\nnum_blocks = 3\nweights = "none"', "transunet", 3, "none"),
        ('name = "unet"', "unet", None, "none"),
        ('name = "unet"\nnum_blocks = 3', "unet", None, "none"),
        ('name = "SegResNet"\n[model.options]\ninit_filters = 8', "SegResNet", None, "none"),
        ('target = "my.networks:deep"', None, None, "none"),
        ('target = "my.networks:deep"\nnum_blocks = 24', None, 24, "none"),
    ],
)
def test_blocks_and_weights_follow_the_network_and_read_back(
    tmp_path: Path, model: str, name: str | None, num_blocks: int | None, weights: str
) -> None:
    experiment = read_experiment(written(tmp_path, f"[model]\n{model}\n"))
    assert (experiment.model.name, experiment.model.num_blocks, experiment.model.weights) == (name, num_blocks, weights)
    experiment.save(tmp_path / "again.toml")
    assert read_experiment(tmp_path / "again.toml") == experiment


def test_what_was_not_set_follows_a_change() -> None:
    unetr = Experiment()
    unet = unetr.with_changes(model={"name": "unet"}).model
    assert (unet.num_blocks, unet.weights) == (None, "none")
    own = unetr.with_changes(model={"target": "my.networks:deep", "options": {"width": 3}}).model
    assert (own.name, own.num_blocks, own.options) == (None, None, {"width": 3})
    random = unetr.with_changes(model={"weights": "none"})
    assert random.with_changes(model={"name": "cats"}).model.weights == "none"


def test_overrides_are_toml_values_or_plain_words(tmp_path: Path) -> None:
    path = written(tmp_path, "")
    overrides = ["model.num_blocks=3", "model.name=cats", "training.learning_rate=1e-3", "training.precision=32"]
    experiment = read_experiment(path, overrides)
    assert (experiment.model.num_blocks, experiment.model.name) == (3, "cats")
    assert (experiment.training.learning_rate, experiment.training.precision) == (1e-3, "32")


@pytest.mark.parametrize(
    ("text", "overrides", "message"),
    [
        ("[model\n", [], "must be TOML"),
        ("[model]\nblocks = 3\n", [], "Valid keys there: target, name, size, num_blocks"),
        ("colour = 1\n", [], "Valid keys there: name, seed, data, model, training"),
        ("[model]\nnum_blocks = 13\n", [], "model.num_blocks: a hybrid has 12 blocks at most; found 13"),
        ('[model]\nname = "../unetr"\n', [], "model.name: string should match pattern"),
        ('[model]\nname = "unet"\ntarget = "my:net"\n', [], "model.name: a model has either a name or a target"),
        ('name = "../up"\n', [], "should match pattern"),
        ("data = 3\n", [], "data: "),
        ("", ["model.num_blocks"], "--set takes key=value"),
        ("name = 'x'\n", ["name.deep=3"], "names a key inside a section"),
    ],
)
def test_bad_input_is_one_clear_error(tmp_path: Path, text: str, overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_experiment(written(tmp_path, text), overrides)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.toml"):
        read_experiment(tmp_path / "nowhere.toml")
