import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from trimformer.models import CATALOGUE, create_model, load_model, save_model
from trimformer.records.errors import UserError


def small_model(name: str = "unetr", num_blocks: int = 1) -> Any:
    return create_model(name, num_classes=3, num_blocks=num_blocks, size="tiny", image_size=32, decoder="compressed")


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    save_model(small_model(), tmp_path / "model.safetensors", tmp_path / "model.json")
    return tmp_path


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_stored_model_gives_identical_logits(name: str, tmp_path: Path) -> None:
    model = small_model(name)
    model(torch.randn(4, 1, 32, 32))  # moves the running statistics
    save_model(model, tmp_path / "model.safetensors", tmp_path / "model.json")
    loaded = load_model(tmp_path)
    images = torch.randn(2, 1, 32, 32)
    assert torch.equal(loaded(images), model.eval()(images))
    assert loaded.settings == model.settings
    assert not loaded.training


def test_the_memory_format_does_not_matter(tmp_path: Path) -> None:
    model = small_model().to(memory_format=torch.channels_last)
    save_model(model, tmp_path / "model.safetensors", tmp_path / "model.json")
    loaded = load_model(tmp_path).state_dict()
    assert all(torch.equal(loaded[key], tensor) for key, tensor in model.state_dict().items())


def test_a_loaded_model_can_be_trained_on(run_folder: Path) -> None:
    model = load_model(str(run_folder)).train()
    model(torch.randn(4, 1, 32, 32)).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_best_and_last_are_different_files(run_folder: Path) -> None:
    last = small_model()
    save_model(last, run_folder / "model-last.safetensors", run_folder / "model.json")
    loaded: Any = load_model(run_folder, checkpoint="last")
    assert torch.equal(loaded.head.weight, last.head.weight)
    assert not torch.equal(load_model(run_folder).state_dict()["head.weight"], last.head.weight)


def test_the_description_says_what_the_model_is(run_folder: Path) -> None:
    description = json.loads((run_folder / "model.json").read_text())
    assert description["settings"]["name"] == "unetr"
    parts = description["parameters"]
    assert parts["total"] == sum(parts[part] for part in ("transformer", "trunk", "decoder", "head"))
    assert description["trimformer_version"] == "0.1.0"


def test_nothing_but_the_two_files_is_left(run_folder: Path) -> None:
    assert sorted(path.name for path in run_folder.iterdir()) == ["model.json", "model.safetensors"]


@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
def test_a_missing_file_is_named(run_folder: Path, name: str) -> None:
    (run_folder / name).unlink()
    with pytest.raises(UserError, match=name):
        load_model(run_folder)


@pytest.mark.parametrize("kept", [0, 5, 100, -4])
def test_truncated_weights_are_named(run_folder: Path, kept: int) -> None:
    weights_file = run_folder / "model.safetensors"
    weights_file.write_bytes(weights_file.read_bytes()[:kept])
    with pytest.raises(UserError, match=r"whole safetensors; found .*model\.safetensors"):
        load_model(run_folder)


def test_a_pickle_is_refused(run_folder: Path) -> None:
    torch.save(small_model().state_dict(), run_folder / "model.safetensors")
    with pytest.raises(UserError, match="whole safetensors"):
        load_model(run_folder)


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"settings": null}', '{"settings": {"name": "unetr"}}', '{"settings": {"depth": 3}}']
)
def test_a_damaged_description_is_named(run_folder: Path, text: str) -> None:
    (run_folder / "model.json").write_text(text)
    with pytest.raises(UserError, match=r"model\.json"):
        load_model(run_folder)


def test_a_description_outside_the_rules_is_named(run_folder: Path) -> None:
    description = json.loads((run_folder / "model.json").read_text())
    description["settings"]["num_blocks"] = 13
    (run_folder / "model.json").write_text(json.dumps(description))
    with pytest.raises(UserError, match=r"from 0 to 12; found 13 in .*model\.json"):
        load_model(run_folder)


def test_weights_of_another_shape_are_told_with_both_shapes(run_folder: Path) -> None:
    weights = load_file(run_folder / "model.safetensors")
    weights["head.bias"] = torch.zeros(7)
    save_file(weights, run_folder / "model.safetensors")
    with pytest.raises(UserError) as caught:
        load_model(run_folder)
    assert "head.bias" in caught.value.found
    assert "shape (7,) in the file, shape (3,) in model.json's model" in caught.value.found


def test_missing_and_superfluous_weights_are_told(run_folder: Path) -> None:
    weights = load_file(run_folder / "model.safetensors")
    head = weights.pop("head.weight")
    save_file(weights, run_folder / "model.safetensors")
    with pytest.raises(UserError, match=r"head\.weight in .*: nothing in the file, shape \(3, 16, 3, 3\)"):
        load_model(run_folder)
    save_file(weights | {"head.weight": head, "extra": torch.zeros(2)}, run_folder / "model.safetensors")
    with pytest.raises(UserError, match=r"extra in .*: shape \(2,\) in the file, nothing in"):
        load_model(run_folder)


def test_a_folder_that_cannot_be_written_is_the_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").mkdir()
    with pytest.raises(UserError, match="writable"):
        save_model(small_model(), tmp_path / "model.safetensors", tmp_path / "model.json")
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
