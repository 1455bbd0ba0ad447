import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from trimformer.models import create_model, load_model, save_model
from trimformer.models.unetr import UNETR
from trimformer.records.errors import UserError


def small_model(name: str = "unetr", num_blocks: int = 1) -> Any:
    return create_model(name, num_classes=3, num_blocks=num_blocks, size="tiny", image_size=32, decoder="compressed")


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    save_model(small_model(), tmp_path / "model.safetensors", tmp_path / "model.json")
    return tmp_path


def test_loading_leaves_the_random_state_alone(run_folder: Path) -> None:
    before = torch.random.get_rng_state()
    assert not load_model(run_folder).training
    assert torch.equal(torch.random.get_rng_state(), before)


def test_what_a_constructor_computes_without_storing_it_is_there(tmp_path: Path) -> None:
    model = create_model("SwinUNETR", num_classes=2, size="tiny", image_size=64).eval()
    save_model(model, tmp_path / "model.safetensors", tmp_path / "model.json")
    assert all(not buffer.is_meta for buffer in load_model(tmp_path).buffers())


class SharingNetwork(torch.nn.Module):
    """Its two convolutions are one weight."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.first, self.second = (torch.nn.Conv2d(1, 1, 1, bias=False) for _ in range(2))
        self.second.weight = self.first.weight
        self.head = torch.nn.Conv2d(1, num_classes, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.second(self.first(images)))
        return logits


def test_tensors_that_a_network_shares_stay_shared(tmp_path: Path) -> None:
    model = create_model(target=f"{__name__}:SharingNetwork", num_classes=2, image_size=8).eval()
    save_model(model, tmp_path / "model.safetensors", tmp_path / "model.json")
    loaded: Any = load_model(tmp_path)
    images = torch.randn(1, 1, 8, 8)
    assert torch.equal(loaded(images), model(images))
    assert loaded.network.first.weight is loaded.network.second.weight


def test_a_model_that_create_model_did_not_make_is_refused(tmp_path: Path) -> None:
    model = UNETR(num_classes=2, size="tiny", image_size=32)
    with pytest.raises(UserError, match="one that create_model made; found a UNETR without settings"):
        save_model(model, tmp_path / "model.safetensors", tmp_path / "model.json")


def test_settings_from_before_targets_and_options_load_as_well(run_folder: Path) -> None:
    description = json.loads((run_folder / "model.json").read_text())
    for word in ("target", "options"):
        del description["settings"][word]
    (run_folder / "model.json").write_text(json.dumps(description))
    assert load_model(run_folder).settings["num_blocks"] == 1


@pytest.mark.parametrize("target", ["os:system", "subprocess:run"])
def test_a_description_from_a_stranger_reaches_no_command(run_folder: Path, target: str) -> None:
    settings = {"target": target, "num_classes": 2, "options": {"command": "touch reached"}}
    (run_folder / "model.json").write_text(json.dumps({"settings": settings}))
    with pytest.raises(UserError, match=r"a module that holds networks; found .* in .*model\.json"):
        load_model(run_folder)


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
    assert description["taps"] == [1]


def test_the_taps_of_a_full_decoder_are_told_and_a_u_net_has_none(tmp_path: Path) -> None:
    models = {
        "unet": create_model("unet", num_classes=2, size="tiny", image_size=32),
        "unetr": create_model("unetr", num_classes=2, num_blocks=6, size="tiny", image_size=32),
    }
    told = {}
    for name, model in models.items():
        save_model(model, tmp_path / "model.safetensors", tmp_path / "model.json")
        told[name] = json.loads((tmp_path / "model.json").read_text())["taps"]
    assert told == {"unet": None, "unetr": [2, 3, 5, 6]}


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
