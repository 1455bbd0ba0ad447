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


def test_a_unet_has_no_blocks(tmp_path: Path) -> None:
    experiment = read_experiment(written(tmp_path, '[model]\nname = "unet"\n'))
    assert experiment.model.num_blocks is None
    experiment.save(tmp_path / "again.toml")
    assert read_experiment(tmp_path / "again.toml") == experiment


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
        ("[model]\nblocks = 3\n", [], "Valid keys there: name, size, num_blocks"),
        ("colour = 1\n", [], "Valid keys there: name, seed, data, model, training"),
        ("[model]\nnum_blocks = 13\n", [], "less than or equal to 12"),
        ('[model]\nname = "resnet"\n', [], "'unetr', 'cats', 'transunet' or 'unet'"),
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
