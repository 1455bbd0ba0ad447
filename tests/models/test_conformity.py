"""What every model must do, held for each by its name; a new model joins with a line in MODELS."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trimformer.compression import keep_blocks
from trimformer.models import create_model, load_model, save_model
from trimformer.records.errors import UserError


class OwnNetwork(nn.Module):
    """A user's network: as many convolutions as it has blocks."""

    def __init__(self, num_classes: int, in_channels: int, num_blocks: int = 3) -> None:
        super().__init__()
        self.first = nn.Conv2d(in_channels, 8, 3, padding=1)
        self.blocks = nn.ModuleList(nn.Conv2d(8, 8, 3, padding=1) for _ in range(num_blocks))
        self.head = nn.Conv2d(8, num_classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        features = self.first(images)
        for block in self.blocks:
            features = features + block(features).relu()
        logits: Tensor = self.head(features)
        return logits


HYBRIDS: dict[str, dict[str, Any]] = {
    f"{name} {decoder} {patch_size}": {"name": name, "decoder": decoder, "patch_size": patch_size}
    for name, decoder, patch_size in product(("unetr", "cats", "transunet"), ("full", "compressed"), (16, 8))
} | {
    f"cats {decoder} on {trunk}": {"name": "cats", "decoder": decoder, "trunk": trunk}
    for decoder, trunk in product(("full", "compressed"), ("resnet34", "densenet121", "convnext_atto"))
}
OTHERS: dict[str, dict[str, Any]] = {
    name: {"name": name} for name in ("unet", "AttentionUnet", "BasicUNetPlusPlus", "SegResNet", "SwinUNETR")
} | {"own": {"target": f"{__name__}:OwnNetwork"}}
MODELS = HYBRIDS | OTHERS
"""Every model by a name of its own: the words of `create_model` that make it."""

UNUSED = {"BasicUNetPlusPlus": tuple(f"network.final_conv_0_{depth}." for depth in (1, 2, 3))}
"""Parameters that a network counts and does not use, by the beginning of their names: heads of deep supervision."""

TAKES_ANY_SIZE = ("BasicUNetPlusPlus", "own")

BF16 = 0.05
"""Bfloat16 keeps 8 bits: one rounding is off by 0.4 % at most, and tens of layers add up like a random walk. Measured
as root mean square, in parts of the logits' deviation: 0.2 to 0.7 % in the hybrids, 2.9 % in the worst control."""

CHANNELS_LAST = 1e-4
"""The same sums in another order: 2e-5 of the logits' deviation at most, in float32."""

every_model = pytest.mark.parametrize("name", MODELS)
every_hybrid = pytest.mark.parametrize("name", HYBRIDS)


def size_of(name: str) -> int:
    """The smallest slices that the network takes, in pixels."""
    return 64 if name == "SwinUNETR" else 32


def made(name: str, **changes: Any) -> Any:
    torch.manual_seed(0)
    blocks = {"num_blocks": 2} if name in HYBRIDS else {}
    settings = {"num_classes": 3, "size": "tiny", "image_size": size_of(name), **blocks, **MODELS[name], **changes}
    return create_model(**settings)


def slices(name: str, channels: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, channels, size_of(name), size_of(name), generator=generator)


@every_model
def test_a_gradient_reaches_every_parameter_that_counts(name: str) -> None:
    model = made(name)
    logits = model(slices(name))
    assert logits.shape == (2, 3, size_of(name), size_of(name))
    logits.square().mean().backward()
    without = {key for key, parameter in model.named_parameters() if parameter.grad is None}
    unused = {key for key, _ in model.named_parameters() if key.startswith(UNUSED.get(name, ()))}
    assert without == unused
    assert all(parameter.grad.isfinite().all() for key, parameter in model.named_parameters() if key not in unused)


@every_hybrid
@pytest.mark.parametrize("num_blocks", [0, 1, 12])
def test_every_depth_gives_logits(name: str, num_blocks: int) -> None:
    model = made(name, num_blocks=num_blocks, num_classes=5).eval()
    logits = model(slices(name))
    assert logits.shape == (2, 5, size_of(name), size_of(name))
    assert logits.isfinite().all()
    assert len(model.transformer.blocks) == num_blocks


@every_model
@pytest.mark.parametrize(("in_channels", "others"), [(2, 1), (3, 1)])
def test_slices_of_several_channels(name: str, in_channels: int, others: int) -> None:
    model = made(name, in_channels=in_channels, num_classes=2).eval()
    logits_shape = (2, 2, size_of(name), size_of(name))
    assert model(slices(name, in_channels)).shape == logits_shape
    if name in HYBRIDS and in_channels == 3:
        assert model(slices(name, others)).shape == logits_shape
    else:
        with pytest.raises(UserError, match=rf"\(batch, {in_channels}, .*\); found \(2, {others}, "):
            model(slices(name, others))


@every_model
def test_a_size_that_the_network_cannot_divide_is_refused(name: str) -> None:
    if name in TAKES_ANY_SIZE:
        assert made(name, image_size=60).image_size == 60
    else:
        with pytest.raises(UserError, match=r"60.*nearest .* is 64"):
            made(name, image_size=60)


@every_model
def test_a_stored_model_is_the_same_network_with_the_same_logits(name: str, tmp_path: Path) -> None:
    model = made(name)
    model(slices(name))  # moves the running statistics
    save_model(model, tmp_path / "model.safetensors", tmp_path / "model.json")
    loaded = load_model(tmp_path)
    assert loaded.settings == model.settings
    assert str(loaded) == str(model.eval())
    assert torch.equal(loaded(slices(name)), model(slices(name)))


@every_model
@torch.no_grad()
def test_bfloat16_and_channels_last_agree_with_float32(name: str) -> None:
    model, images = made(name).eval(), slices(name)
    expected = model(images)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = model(images)
    assert 0 < (rounded - expected).square().mean().sqrt() < BF16 * expected.std()
    turned = model.to(memory_format=torch.channels_last)(images.to(memory_format=torch.channels_last))
    assert (turned - expected).abs().max() < CHANNELS_LAST * expected.std()


@every_hybrid
@torch.no_grad()
def test_the_taps_follow_the_blocks_that_the_description_names(name: str, tmp_path: Path) -> None:
    model = made(name, num_blocks=5).eval()
    save_model(model, tmp_path / "model.safetensors", tmp_path / "model.json")
    told = json.loads((tmp_path / "model.json").read_text())["taps"]
    reads_all = MODELS[name]["decoder"] == "full" and MODELS[name]["name"] != "transunet"
    by_hand = {16: [2, 3, 4, 5], 8: [2, 4, 5]}[MODELS[name].get("patch_size", 16)] if reads_all else [5]
    assert told == by_hand
    after: list[Tensor] = []
    maps: list[Tensor] = []
    for block in model.transformer.blocks:
        block.register_forward_hook(lambda _, __, tokens: after.append(tokens))
    model.transformer.register_forward_hook(lambda _, __, read: maps.extend(read))
    model(slices(name))
    expected = [after[count - 1] for count in told[:-1]] + [model.transformer.norm(after[-1])]
    assert all(
        torch.equal(found.flatten(2).transpose(1, 2), tokens) for found, tokens in zip(maps, expected, strict=True)
    )


@every_hybrid
def test_keeping_all_blocks_gives_identical_logits(name: str) -> None:
    model = made(name).eval()
    kept = keep_blocks(model, [0, 1])
    assert kept is not model
    assert torch.equal(kept(slices(name)), model(slices(name)))
