import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from trimformer.records.run_folder import RunFolder

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def run_copy(trained_run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("cli") / "small"
    shutil.copytree(trained_run.path, folder)
    return RunFolder(folder)


EXPERIMENT = """
name = "small"
[data]
image_size = 48
num_patients = 12
selection_patients = 1
[model]
size = "tiny"
num_blocks = 2
patch_size = 8
weights = "none"
[training]
epochs = 2
batch_size = 16
"""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "nowhere.toml"], ["nowhere.toml"]),
        (["train", "broken.toml"], ["must be TOML", "line 1"]),
        (["train", "good.toml", "--set", "model.num_blocks=13"], ["model.num_blocks", "12", "13"]),
        (["train", "good.toml", "--set", "model.name=resnet"], ["catalogue", "unetr", "resnet"]),
        (["train", "good.toml", "--set", "model.depth=3"], ["unknown keys", "model.depth", "num_blocks"]),
        (["train", "good.toml", "--set", "data.dataset=ibsr19"], ["ibsr19", "brain"]),
        (["train", "good.toml", "--set", "data.image_size=50"], ["multiple of 8", "50"]),
        (["train", "good.toml", "--set", "model.weights=nowhere.npz"], ["nowhere.npz"]),
        (["train", "good.toml", "--set", "model.trunk=resnet50"], ["trunk", "cats"]),
        (["train", "good.toml", "--set", "model.name=cats", "--set", "model.trunk=vgg"], ["'vgg'", "vgg16"]),
        (["evaluate", "nowhere"], ["experiment.toml", "nowhere"]),
        (["inspect", "nowhere"], ["experiment.toml", "nowhere"]),
        (["choose", "nowhere"], ["experiment.toml", "nowhere"]),
        (["compress", "nowhere", "--blocks", "3"], ["experiment.toml", "nowhere"]),
        (["compare", "nowhere"], ["experiment.toml", "nowhere"]),
        (["report", "nowhere"], ["results.json", "nowhere"]),
        (["inspekt", "nowhere"], ["inspekt"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_users_mistake_is_one_message_and_exit_code_2(
    trimformer: Typed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    words: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("good.toml").write_text(EXPERIMENT)
    Path("broken.toml").write_text("[model\n")
    code, printed, complaint = trimformer(*arguments)
    assert code == 2
    assert printed == ""
    assert "Traceback" not in complaint
    for word in words:
        assert word in complaint
    assert not (tmp_path / "runs" / "small" / "model.safetensors").exists()


def test_a_mistake_leaves_no_half_made_run(trimformer: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("good.toml").write_text(EXPERIMENT)
    assert trimformer("train", "good.toml", "--set", "data.image_size=50")[0] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["good.toml"]


def test_compressing_what_cannot_be_compressed_is_said(trimformer: Typed, run_copy: RunFolder) -> None:
    for blocks, words in (("3", "at most the blocks"), ("some", "whole number, first3"), ("auto", "depth.json")):
        code, _, complaint = trimformer("compress", run_copy.path, "--blocks", blocks)
        assert code == 2
        assert words in complaint


def test_a_corrupt_checkpoint_is_said(trimformer: Typed, run_copy: RunFolder, tmp_path: Path) -> None:
    broken = tmp_path / "small"
    shutil.copytree(run_copy.path, broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    code, _, complaint = trimformer("evaluate", broken)
    assert code == 2
    assert "model.safetensors" in complaint


def test_debug_shows_the_traceback_and_keeps_the_exit_code(trimformer: Typed) -> None:
    code, _, complaint = trimformer("evaluate", "nowhere", "--debug")
    assert code == 2
    assert "Traceback" in complaint


def test_an_internal_fault_ends_with_1(trimformer: Typed, monkeypatch: pytest.MonkeyPatch, run_copy: RunFolder) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("trimformer.depth.choose_run.choose_run", fail)
    code, _, complaint = trimformer("choose", run_copy.path)
    assert code == 1
    assert "RuntimeError: a bug" in complaint


def test_the_story_typed_command_by_command(trimformer: Typed, run_copy: RunFolder, tmp_path: Path) -> None:
    run = run_copy.path
    assert json.loads(trimformer("evaluate", run, "--json")[1])["split"] == "validation"
    assert "gray_matter" in trimformer("evaluate", run)[1]
    assert "Foreground queries" in trimformer("inspect", run, "--field-slices", 1, "--explorer-slices", 0)[1]
    choice = json.loads(trimformer("choose", run, "--json")[1])
    assert choice["status"] in {"chosen", "inconclusive"}
    assert choice["reason"] in trimformer("choose", run)[1]
    smaller = tmp_path / "smaller"
    made = json.loads(trimformer("compress", run, "--blocks", "1", "--out", smaller, "--json")[1])
    assert made == {"run": str(smaller), "num_blocks": 1, "blocks": [0]}
    code, printed, complaint = trimformer("compare", run, smaller, "--out", tmp_path / "comparison")
    assert code == 0, complaint
    assert "report.html" in printed
    assert (tmp_path / "comparison" / "report.html").stat().st_size > 10_000
    assert trimformer("report", tmp_path / "comparison")[0] == 0


def test_help_names_every_command(trimformer: Typed) -> None:
    code, printed, _ = trimformer("--help")
    assert code == 0
    for command in ("demo", "models", "train", "evaluate", "inspect", "choose", "compress", "compare", "report"):
        assert command in printed
