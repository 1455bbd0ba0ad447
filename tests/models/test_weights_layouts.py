"""Weights of every layout mean in our models what they mean in the programs that they come from."""

from pathlib import Path
from typing import Any

import made_weights
import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.models.vision_transformer import VisionTransformer

from trimformer.models import create_model
from trimformer.models.weights.layouts import LAYOUTS, ORIGINAL


def tiny(weights: Path, name: str = "unetr", **settings: Any) -> Any:
    wanted = {"num_classes": 3, "num_blocks": 2, "size": "tiny", "image_size": 48, **settings}
    return create_model(name, weights=str(weights), **wanted).eval()


def assert_same_tokens(model: Any, reference: Any) -> None:
    """Our transformer gives what timm's gives where it has no class token, after its last norm."""
    images = torch.randn(2, 3, 48, 48)
    tokens = model.transformer(images)[-1].flatten(2).transpose(1, 2)
    torch.testing.assert_close(tokens, reference.forward_features(images), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".pt", ".bin"])
def test_timm(tmp_path: Path, suffix: str) -> None:
    vit = made_weights.timm_vit(class_token=False, global_pool="avg", fc_norm=False)
    file = tmp_path / f"vit{suffix}"
    save_file(vit.state_dict(), file) if suffix == ".safetensors" else torch.save(vit.state_dict(), file)
    model = tiny(file)
    assert_same_tokens(model, vit)
    assert set(model.weights_report.unused) == {"head.weight", "head.bias"}


def test_layer_scale_is_folded_into_the_layer_before_it(tmp_path: Path) -> None:
    dinov2 = made_weights.timm_vit(class_token=False, global_pool="avg", fc_norm=False, init_values=1e-5)
    torch.save(dinov2.state_dict(), tmp_path / "dinov2.pth")
    model = tiny(tmp_path / "dinov2.pth")
    assert_same_tokens(model, dinov2)
    assert model.weights_report.unused == ("head.weight", "head.bias")


@pytest.mark.parametrize(
    ("changes", "prefix"),
    [
        ({}, 1),
        ({"reg_tokens": 4}, 5),
        ({"reg_tokens": 4, "no_embed_class": True}, 0),
        ({"class_token": False, "reg_tokens": 1, "global_pool": "avg", "fc_norm": False}, 1),
    ],
)
def test_prefix_tokens_have_no_place_on_the_grid(tmp_path: Path, changes: dict[str, Any], prefix: int) -> None:
    vit = made_weights.timm_vit(**changes)
    torch.save(vit.state_dict(), tmp_path / "vit.pth")
    model = tiny(tmp_path / "vit.pth")
    assert torch.equal(model.transformer.pos_embed, vit.state_dict()["pos_embed"][:, prefix:])
    assert model.weights_report.resampled == ()


def test_a_distilled_deit(tmp_path: Path) -> None:
    deit = made_weights.randomised(timm.create_model("deit_tiny_distilled_patch16_224", img_size=48, depth=2))
    torch.save({"model": deit.state_dict(), "epoch": 300}, tmp_path / "deit.pth")
    model = tiny(tmp_path / "deit.pth")
    assert torch.equal(model.transformer.pos_embed, deit.state_dict()["pos_embed"][:, 2:])
    assert set(model.weights_report.unused) == {
        "cls_token", "dist_token", "head.weight", "head.bias", "head_dist.weight", "head_dist.bias",
    }  # fmt: skip


def test_a_dinov2_shaped_vit_with_patches_of_14_pixels(tmp_path: Path) -> None:
    dinov2 = made_weights.randomised(timm.create_model("vit_small_patch14_dinov2", img_size=70, depth=2))
    state = dinov2.state_dict() | {"mask_token": torch.zeros(1, 384)}
    torch.save(state, tmp_path / "dinov2_vits14.pth")
    model = tiny(tmp_path / "dinov2_vits14.pth", size="small", image_size=64)
    assert set(model.weights_report.resampled) == {"transformer.pos_embed", "transformer.patch_embed.proj.weight"}
    assert set(model.weights_report.unused) == {"cls_token", "mask_token"}
    block, theirs = model.transformer.blocks[1], "blocks.1."
    scaled = state[theirs + "mlp.fc2.weight"] * state[theirs + "ls2.gamma"][:, None]
    torch.testing.assert_close(block.mlp.fc2.weight.data, scaled)


def test_the_original_npz_as_timm_reads_it(tmp_path: Path) -> None:
    file = made_weights.original_npz(tmp_path / "ViT-B_16.npz", grid=3)
    vit: Any = timm.create_model("vit_tiny_patch16_224", depth=2, img_size=48, num_classes=10)
    vit.load_pretrained(str(file))
    assert_transformer_is(tiny(file), vit.state_dict())


def test_the_original_hybrid_npz_as_timm_reads_it(tmp_path: Path) -> None:
    file = made_weights.original_npz(tmp_path / "R50+ViT-B_16.npz", grid=3, hybrid=True)
    model = tiny(file, "transunet")
    assert_transformer_is(model, narrow_timm_hybrid(file))
    report = model.weights_report
    assert report.parts() == {"trunk": "loaded", "transformer": "loaded", "decoder": "random", "head": "random"}
    assert set(report.unused) == {"cls", "head/kernel", "head/bias"}


def test_the_hybrid_under_timms_names(tmp_path: Path) -> None:
    file = made_weights.original_npz(tmp_path / "R50+ViT-B_16.npz", grid=3, hybrid=True)
    torch.save(narrow_timm_hybrid(file), tmp_path / "timm.pth")
    ours, theirs = tiny(file, "transunet"), tiny(tmp_path / "timm.pth", "transunet")
    for name in ours.weights_report.copied:
        assert torch.equal(ours.state_dict()[name], theirs.state_dict()[name]), name


def narrow_timm_hybrid(file: Path) -> dict[str, torch.Tensor]:
    """timm's R50 hybrid a quarter as wide, filled by timm's own reader of npz files."""
    trunk = timm.create_model(
        "resnetv2_50", layers=(3, 4, 9), channels=(64, 128, 256, 512), stem_chs=16, num_classes=0, global_pool="",
        preact=False, stem_type="same", conv_layer=timm.layers.StdConv2dSame,
        norm_layer=lambda channels, **_: timm.layers.GroupNormAct(channels, 8),
    )  # fmt: skip
    embed = timm.models.vision_transformer_hybrid.HybridEmbed
    vit: Any = VisionTransformer(
        img_size=48, embed_dim=192, depth=2, num_heads=3, num_classes=10,
        embed_layer=lambda **settings: embed(trunk, **settings), patch_size=1,
    )  # fmt: skip
    vit.load_pretrained(str(file))
    state: dict[str, torch.Tensor] = vit.state_dict()
    return state


def assert_transformer_is(model: Any, state: dict[str, torch.Tensor]) -> None:
    own = model.transformer.state_dict()
    assert torch.equal(own.pop("pos_embed"), state["pos_embed"][:, 1:])
    for name, tensor in own.items():
        assert torch.equal(tensor, state[name]), name


def test_hugging_faces_vit(tmp_path: Path) -> None:
    vit = made_weights.timm_vit(class_token=False, global_pool="avg", fc_norm=False)
    state = {f"vit.{key}": tensor for key, tensor in hugging_face_names(vit.state_dict()).items()}
    save_file(state | {"classifier.weight": torch.zeros(2, 192)}, tmp_path / "model.safetensors")
    model = tiny(tmp_path / "model.safetensors")
    assert_same_tokens(model, vit)
    assert model.weights_report.unused == ("classifier.weight",)


def hugging_face_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A timm ViT's tensors as transformers' ViTModel names them, its three projections apart."""
    renamed: dict[str, torch.Tensor] = {}
    words = {
        "pos_embed": "embeddings.position_embeddings", "patch_embed.proj": "embeddings.patch_embeddings.projection",
        "blocks.": "encoder.layer.", "norm1": "layernorm_before", "norm2": "layernorm_after",
        "attn.proj": "attention.output.dense", "mlp.fc1": "intermediate.dense", "mlp.fc2": "output.dense",
    }  # fmt: skip
    for key, tensor in state.items():
        if key.startswith("head"):
            continue
        new = key.replace("norm.", "layernorm.") if key.startswith("norm.") else key
        for ours, theirs in words.items():
            new = new.replace(ours, theirs)
        if ".attn.qkv." not in new:
            renamed[new] = tensor
            continue
        for part, piece in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
            renamed[new.replace("attn.qkv", f"attention.attention.{part}")] = piece.contiguous()
    return renamed


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_every_rule_leads_there_and_back(layout: Any) -> None:
    fields = {
        "any": "x", "block": "7", "index": "2", "kind": "weight", "kernel": "bias", "scale": "bias",
        "projection": "key", "zero": "1", "stage": "2", "unit": "1",
    }  # fmt: skip
    for theirs, _ in layout.rules:
        key = theirs.format(**fields)
        name = layout.name_of(key)
        assert name is not None
        assert layout.key_of(name) == key or layout.name_of(layout.key_of(name)) == name


def test_a_spelling_changes_with_the_direction() -> None:
    assert ORIGINAL.name_of("block2/unit1/gn_proj/scale") == "trunk.stages.1.0.project.1.weight"
    assert ORIGINAL.key_of("trunk.stages.1.0.project.1.weight") == "block2/unit1/gn_proj/scale"
    assert ORIGINAL.name_of("Transformer/encoderblock_11/LayerNorm_1/scale") is None


def test_numbers_are_kept_to_the_last_bit(tmp_path: Path) -> None:
    file = made_weights.original_npz(tmp_path / "vit.npz", grid=3)
    with np.load(file) as arrays:
        kernel = arrays["embedding/kernel"]
        out = arrays["Transformer/encoderblock_0/MultiHeadDotProductAttention_1/out/kernel"]
    transformer = tiny(file).transformer
    assert transformer.patch_embed.proj.weight[5, 2, 3, 7].item() == kernel[3, 7, 2, 5]
    assert transformer.blocks[0].attn.proj.weight[11, 64 + 9].item() == out[1, 9, 11]
