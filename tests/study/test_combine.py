from pathlib import Path

import pytest

from trimformer.records.errors import UserError
from trimformer.records.study import read_study
from trimformer.study.combine import StudyRun, combine


def combined(folder: Path, text: str) -> tuple[StudyRun, ...]:
    file = folder / "made.toml"
    file.write_text(text)
    return combine(read_study(file))


def test_the_lists_of_a_table_are_combined_and_name_the_runs_the_seed_last(tmp_path: Path) -> None:
    runs = combined(
        tmp_path,
        """
        seed = [0, 1]
        training.epochs = 2
        [[run]]
        model.num_blocks = [12, 3]
        [[run]]
        name = "control"
        model.name = "unet"
        seed = 5
        """,
    )
    assert [run.name for run in runs] == [
        "unetr-12-seed0",
        "unetr-12-seed1",
        "unetr-3-seed0",
        "unetr-3-seed1",
        "control",
    ]
    assert [run.row for run in runs] == ["unetr-12", "unetr-12", "unetr-3", "unetr-3", "control"]
    assert runs[2].document == {
        "name": "unetr-3-seed0",
        "seed": 0,
        "model": {"num_blocks": 3},
        "training": {"epochs": 2},
    }
    assert runs[4].document["seed"] == 5
    assert runs[2].varied == {"model.num_blocks": 3, "seed": 0}


def test_a_table_of_several_models_is_called_after_the_study(tmp_path: Path) -> None:
    runs = combined(tmp_path, '[[run]]\nmodel.name = ["unetr", "cats"]\nmodel.num_blocks = [0, 3]\n')
    assert [run.name for run in runs] == ["made-unetr-0", "made-unetr-3", "made-cats-0", "made-cats-3"]


def test_runs_share_nothing_that_one_of_them_could_change(tmp_path: Path) -> None:
    one, other = combined(tmp_path, "[training]\nepochs = 1\n[[run]]\nseed = [0, 1]\n")
    one.document["training"]["epochs"] = 9
    assert other.document["training"] == {"epochs": 1}


def test_a_list_is_a_value_where_the_setting_takes_one(tmp_path: Path) -> None:
    (run,) = combined(tmp_path, '[[run]]\naugmentation = {scaling = [0.9, 1.1], flip_axes = ["rows"]}\n')
    assert run.document["augmentation"] == {"scaling": [0.9, 1.1], "flip_axes": ["rows"]}
    runs = combined(tmp_path, "[[run]]\naugmentation.scaling = [[0.9, 1.1], [1.0, 1.0]]\n")
    assert [run.document["augmentation"]["scaling"] for run in runs] == [[0.9, 1.1], [1.0, 1.0]]
    assert [run.name for run in runs] == ["unetr-scaling0.9-1.1", "unetr-scaling1.0-1.0"]


def test_what_lies_inside_options_is_never_combined(tmp_path: Path) -> None:
    (run,) = combined(tmp_path, '[[run]]\nmodel = {target = "a:b", options = {widths = [8, 16]}}\n')
    assert run.document["model"]["options"] == {"widths": [8, 16]}


@pytest.mark.parametrize(
    ("setting", "names"),
    [
        ('model.decoder = ["full", "compressed"]', ["unetr-full", "unetr-compressed"]),
        ("training.learning_rate = [1e-3, 1e-4]", ["unetr-learning_rate0.001", "unetr-learning_rate0.0001"]),
        ('model.weights = ["/some/where/ViT-B_16.npz", "none"]', ["unetr-ViT-B_16.npz", "unetr-none"]),
        ('model.weights = ["study:big one", "none"]', ["unetr-big-one", "unetr-none"]),
        ("augmentation.enabled = [true, false]", ["unetr-enabledTrue", "unetr-enabledFalse"]),
    ],
)
def test_names_say_what_varies(tmp_path: Path, setting: str, names: list[str]) -> None:
    assert [run.name for run in combined(tmp_path, f"[[run]]\n{setting}\n")] == names


def test_a_table_with_a_target_loses_the_name_of_the_base(tmp_path: Path) -> None:
    (run,) = combined(tmp_path, '[model]\nname = "unetr"\n[[run]]\nname = "own"\nmodel.target = "a:b"\n')
    assert run.document["model"] == {"target": "a:b"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seed = 0\n", ["one or more [[run]] tables", "none in"]),
        ("run = 3\n", ["one or more [[run]] tables", "run = 3"]),
        ("[[run]\n", ["must be TOML", "line 1"]),
        ("[[run]]\n[[run]]\n", ["a name of its own", "unetr in [[run]] 1", "[[run]] 2"]),
        ("[[run]]\nseed = [1, 1]\n", ["a name of its own", "unetr-seed1"]),
        ("[[run]]\nseed = []\n", ["holds values", "seed = [] in [[run]] 1"]),
        ("[[run]]\nname = [1]\n", ["one word", "name = [1] in [[run]] 1"]),
    ],
)
def test_a_study_file_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(UserError) as refused:
        combined(tmp_path, text)
    for word in words:
        assert word in str(refused.value)
