"""What a file has goes into the model that fits it; what does not fit is refused with key and shapes."""

from pathlib import Path
from typing import Any

import made_weights
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from trimformer.models import create_model, save_model
from trimformer.records.errors import UserError


def tiny(name: str = "unetr", **settings: Any) -> Any:
    return create_model(
        name, **{"num_classes": 3, "num_blocks": 2, "size": "tiny", "image_size": 48, **settings}
    ).eval()


@pytest.fixture
def npz(tmp_path: Path) -> Path:
    return made_weights.original_npz(tmp_path / "ViT-B_16.npz", grid=3)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder with the files that make a run's weights."""
    save_model(made_weights.randomised(tiny()), tmp_path / "model.safetensors", tmp_path / "model.json")  # type: ignore[arg-type]
    (tmp_path / "experiment.toml").write_text('name = "made"\n')
    return tmp_path


def test_an_encoders_file_leaves_decoder_and_head_random(npz: Path) -> None:
    report = tiny(weights=str(npz)).weights_report
    assert report.parts() == {"transformer": "loaded", "decoder": "random", "head": "random"}
    assert report.files[0].origin == str(npz)
    assert len(report.files[0].sha256) == 64
    assert set(report.unused) == {"cls", "head/kernel", "head/bias"}


def test_fewer_blocks_take_the_first(npz: Path) -> None:
    deep, shallow, none = (tiny(weights=str(npz), num_blocks=count) for count in (2, 1, 0))
    for name, tensor in shallow.transformer.state_dict().items():
        assert torch.equal(tensor, deep.transformer.state_dict()[name])
    assert sum("encoderblock_1" in key for key in shallow.weights_report.unused) == 16
    assert torch.equal(none.transformer.norm.weight, deep.transformer.norm.weight)


def test_another_patch_size_and_grid_are_resampled(npz: Path) -> None:
    model = tiny(weights=str(npz), patch_size=8, image_size=40)
    assert set(model.weights_report.resampled) == {"transformer.pos_embed", "transformer.patch_embed.proj.weight"}
    constant = np.load(npz)["embedding/bias"]
    assert np.array_equal(model.transformer.patch_embed.proj.bias.detach(), constant)


def test_a_patch_embedding_made_larger_answers_a_flat_image_as_before(tmp_path: Path) -> None:
    """Made larger, it says about a patch what it said about the same patch in fewer pixels (Beyer et al. 2023)."""
    small_patches = tiny(patch_size=8)
    save_file(dict(small_patches.state_dict()), tmp_path / "patch8.safetensors")
    model = tiny(weights=str(tmp_path / "patch8.safetensors"))
    flat = torch.full((1, 3, 48, 48), 0.7)
    expected = small_patches.transformer.patch_embed.proj(flat)[0, :, 0, 0]
    torch.testing.assert_close(model.transformer.patch_embed.proj(flat)[0, :, 0, 0], expected, atol=1e-3, rtol=1e-3)
    assert model.weights_report.parts()["decoder"] == "random"


@pytest.mark.parametrize("channels", [2, 4, 5])
def test_first_convolutions_are_spread_over_more_channels(npz: Path, channels: int) -> None:
    model = tiny(weights=str(npz), in_channels=channels)
    kernel = model.transformer.patch_embed.proj.weight.detach()
    stored = torch.from_numpy(np.load(npz)["embedding/kernel"]).permute(3, 2, 0, 1)
    expected = torch.stack([stored[:, channel % 3] for channel in range(channels)], dim=1) * 3 / channels
    torch.testing.assert_close(kernel, expected)
    assert "transformer.patch_embed.proj.weight" in model.weights_report.resampled


@pytest.mark.parametrize("name", ["unetr", "transunet"])
def test_a_run_folder_gives_identical_logits(tmp_path: Path, name: str) -> None:
    source = made_weights.randomised(tiny(name))
    save_model(source, tmp_path / "model.safetensors", tmp_path / "model.json")  # type: ignore[arg-type]
    (tmp_path / "experiment.toml").write_text('name = "made"\n')
    model = tiny(name, weights=str(tmp_path))
    images = torch.randn(1, 1, 48, 48)
    assert torch.equal(model(images), source(images))
    assert model.weights_report.initialised == ()


def test_a_run_with_another_decoder_gives_its_transformer(run: Path) -> None:
    report = tiny(weights=str(run), decoder="compressed", num_blocks=1).weights_report
    assert report.parts() == {"transformer": "loaded", "decoder": "random", "head": "random"}
    assert "transformer.blocks.1.norm1.weight" in report.unused
    assert "head.weight" in report.unused


def test_the_plain_unet_starts_from_a_file_of_its_own(tmp_path: Path) -> None:
    source: Any = made_weights.randomised(tiny("unet"))
    save_file(source.state_dict(), tmp_path / "unet.safetensors")
    assert tiny("unet", weights=str(tmp_path / "unet.safetensors")).weights_report.initialised == ()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"size": "small"},
            "posembed_input/pos_embedding in {file}: shape (1, 10, 192) in the file, shape (1, 9, 384)",
        ),
        (
            {"num_blocks": 3},
            "encoderblock_2/LayerNorm_0/scale in {file}: nothing in the file, shape (192,) in the model",
        ),
        (
            {"name": "transunet"},
            "embedding/kernel in {file}: shape (192, 3, 16, 16) in the file, shape (192, 256, 1, 1)",
        ),
        ({"name": "unet"}, "{file}: embedding/kernel, shape (192, 3, 16, 16), has no place in the model"),
    ],
)
def test_a_pretrained_file_of_another_kind(npz: Path, settings: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError) as caught:
        tiny(weights=str(npz), **settings)
    assert told.format(file=npz) in caught.value.found


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"num_classes": 4}, "head.weight in {run}: shape (3, 16, 3, 3) in the file, shape (4, 16, 3, 3) in the model"),
        ({"num_classes": 4, "decoder": "compressed"}, "head.weight in {run}: shape (3, 16, 3, 3) in the file"),
        ({"size": "small"}, "shape (1, 9, 192) in the file, shape (1, 9, 384) in the model"),
        ({"num_blocks": 3}, "transformer.blocks.2.norm1.weight in {run}: nothing in the file, shape (192,)"),
        ({"name": "cats"}, "{run}: nothing for the model's trunk.network.conv1.weight, shape (64, 3, 7, 7)"),
        ({"name": "unet"}, "has no place in the model"),
    ],
)
def test_a_run_of_another_kind(run: Path, settings: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError) as caught:
        tiny(weights=str(run), **settings)
    assert told.format(run=run) in caught.value.found


@pytest.mark.parametrize(
    "missing",
    [
        "embedding/bias",
        "Transformer/posembed_input/pos_embedding",
        "Transformer/encoderblock_0/MlpBlock_3/Dense_1/kernel",
        "Transformer/encoderblock_1/MultiHeadDotProductAttention_1/value/bias",
        "Transformer/encoder_norm/scale",
    ],
)
def test_a_missing_key_is_named_as_the_file_would_have_it(npz: Path, missing: str) -> None:
    with np.load(npz) as arrays:
        kept = {key: arrays[key] for key in arrays.files if key != missing}
    np.savez(npz, allow_pickle=False, **kept)
    with pytest.raises(UserError, match=f"{missing} in .*: nothing in the file, shape"):
        tiny(weights=str(npz))


@pytest.mark.parametrize("extra", ["Transformer/encoderblock_0/extra/scale", "Transformer/lora/kernel", "foo"])
def test_an_unknown_key_means_another_architecture(npz: Path, extra: str) -> None:
    with np.load(npz) as arrays:
        known = dict(arrays)
    np.savez(npz, allow_pickle=False, **known, **{extra: np.zeros(3, np.float32)})
    with pytest.raises(UserError, match=f"{extra} in .*, shape .3,."):
        tiny(weights=str(npz))


def test_an_array_with_too_few_axes_is_named(npz: Path) -> None:
    with np.load(npz) as arrays:
        known = dict(arrays)
    key = "Transformer/encoderblock_0/MultiHeadDotProductAttention_1/query/kernel"
    np.savez(npz, allow_pickle=False, **{**known, key: np.zeros(7, np.float32)})
    with pytest.raises(UserError, match=f"{key}.* in .*: shape"):
        tiny(weights=str(npz))


def test_positions_that_lie_on_no_square_grid(npz: Path) -> None:
    with np.load(npz) as arrays:
        known = dict(arrays)
    np.savez(
        npz,
        allow_pickle=False,
        **{**known, "Transformer/posembed_input/pos_embedding": np.zeros((1, 140, 192), np.float32)},
    )
    with pytest.raises(UserError, match=r"shape \(1, 140, 192\) in the file, shape \(1, 9, 192\) in the model"):
        tiny(weights=str(npz))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_numbers_of_any_precision_become_the_models(tmp_path: Path, dtype: torch.dtype) -> None:
    source: Any = made_weights.randomised(tiny())
    torch.save({name: tensor.to(dtype) for name, tensor in source.state_dict().items()}, tmp_path / "w.pth")
    model = tiny(weights=str(tmp_path / "w.pth"))
    assert model.head.weight.dtype == torch.float32
    assert torch.equal(model.head.weight, source.head.weight.to(dtype).float())


def test_no_weights_can_be_said_in_words() -> None:
    for weights in (None, "none"):
        report = tiny(weights=weights).weights_report
        assert report.source == "none"
        assert report.copied == report.files == ()
