"""What holds for every family of networks that is cut: nothing here is ours."""

import copy
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import timm
import torch
import transformers
from monai.networks.nets import UNETR, ViT
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import trimformer as tf

IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
VOLUMES = torch.randn(1, 1, 32, 16, 16, generator=torch.Generator().manual_seed(0))
TOKENS = torch.randn(2, 6, 24, generator=torch.Generator().manual_seed(0))
SIZES = {"hidden_size": 24, "mlp_dim": 48, "num_heads": 3}


class Family(NamedTuple):
    make: Callable[[], nn.Module]
    blocks: str
    inputs: Tensor
    num_blocks: int = 4


def timm_vit(name: str, **more: Any) -> Any:
    sizes = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 4, "num_heads": 3, "num_classes": 5}
    return timm.create_model(name, **{**sizes, **more})


def hugging_face(kind: str, **more: Any) -> Any:
    sizes = {"hidden_size": 24, "num_hidden_layers": 4, "num_attention_heads": 3, "intermediate_size": 48}
    configuration = getattr(transformers, f"{kind}Config")(**sizes, image_size=32, patch_size=8, **more)
    return getattr(transformers, f"{kind}Model")(configuration)


def unetr(size: tuple[int, ...]) -> UNETR:
    return UNETR(1, 3, size, feature_size=2, spatial_dims=len(size), **SIZES)


def encoder(**more: Any) -> nn.Module:
    layer = nn.TransformerEncoderLayer(24, 3, 48, dropout=0.0, batch_first=True, **more)
    return nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.to_qkv, self.to_out = nn.Linear(24, 72), nn.Linear(24, 24)

    def forward(self, tokens: Tensor) -> Any:
        query, key, value = self.to_qkv(tokens).chunk(3, dim=-1)
        return self.to_out((query @ key.mT).softmax(dim=-1) @ value)


class Branches(nn.Module):
    """Blocks are mere lists of branches, as in many programs that write out the residual connections."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.ModuleList([Attention(), self.mlp()]) for _ in range(4))

    @staticmethod
    def mlp() -> nn.Module:
        return nn.Sequential(nn.LayerNorm(24), nn.Linear(24, 24), nn.GELU())

    def forward(self, tokens: Tensor) -> Tensor:
        layers: Any = self.layers
        for attention, mlp in layers:
            tokens = attention(tokens) + tokens
            tokens = mlp(tokens) + tokens
        return tokens


class Head(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(24, 8) for _ in range(3))

    def forward(self, tokens: Tensor) -> Any:
        return (self.query(tokens) @ self.key(tokens).mT).softmax(dim=-1) @ self.value(tokens)


class PassingOn(nn.Module):
    """A block of single heads that hands the positions on beside the tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.heads, self.mlp = nn.ModuleList(Head() for _ in range(3)), nn.Linear(24, 24)
        self.norms = nn.ModuleList(nn.LayerNorm(24) for _ in range(2))

    def forward(self, tokens: Tensor, positions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        normed = self.norms[0](tokens + positions)
        tokens = tokens + torch.cat([head(normed) for head in self.heads], dim=-1)
        return tokens + self.mlp(self.norms[1](tokens)), positions, normed


class Tuples(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.ModuleDict({"layers": nn.ModuleList(PassingOn() for _ in range(4))})

    def forward(self, tokens: Tensor) -> Tensor:
        positions = torch.linspace(-1, 1, 24)
        for layer in self.encoder["layers"]:  # type: ignore[attr-defined]
            tokens, positions, _ = layer(tokens, positions)
        return tokens


FAMILIES = {
    "timm ViT": Family(partial(timm_vit, "vit_tiny_patch16_224"), "blocks", IMAGES),
    "timm DeiT, distilled": Family(partial(timm_vit, "deit_tiny_distilled_patch16_224"), "blocks", IMAGES),
    "timm DINOv2 with registers": Family(partial(timm_vit, "vit_small_patch14_reg4_dinov2"), "blocks", IMAGES),
    "timm BEiT, relative positions": Family(partial(timm_vit, "beit_base_patch16_224"), "blocks", IMAGES),
    "timm EVA-02, rotary positions": Family(partial(timm_vit, "eva02_tiny_patch14_224"), "blocks", IMAGES),
    "timm ViT, relative positions by an MLP": Family(
        partial(timm_vit, "vit_relpos_small_patch16_224"), "blocks", IMAGES
    ),
    "Hugging Face ViT": Family(partial(hugging_face, "ViT"), "layers", IMAGES),
    "Hugging Face DINOv2": Family(partial(hugging_face, "Dinov2"), "encoder.layer", IMAGES),
    "Hugging Face DINOv3, rotary positions": Family(partial(hugging_face, "DINOv3ViT"), "model.layer", IMAGES),
    "MONAI ViT 3D": Family(
        partial(ViT, 1, (32, 16, 16), (8,) * 3, num_layers=4, classification=True, post_activation="", **SIZES),
        "blocks",
        VOLUMES,
    ),
    "MONAI UNETR 2D": Family(partial(unetr, (32, 32)), "vit.blocks", IMAGES[:, :1], 12),
    "MONAI UNETR 3D": Family(partial(unetr, (32, 16, 16)), "vit.blocks", VOLUMES, 12),
    "nn.TransformerEncoder, norm after": Family(encoder, "layers", TOKENS),
    "nn.TransformerEncoder, norm before": Family(partial(encoder, norm_first=True), "layers", TOKENS),
    "lists of branches": Family(Branches, "layers", TOKENS),
    "blocks that return tuples": Family(Tuples, "encoder.layers", TOKENS),
}


@pytest.fixture(params=FAMILIES, scope="module")
def family(request: pytest.FixtureRequest) -> Family:
    torch.manual_seed(0)
    family = FAMILIES[request.param]
    network = family.make().eval()
    return family._replace(make=lambda: network)


def output(network: nn.Module, inputs: Tensor) -> Any:
    found: Any = network(inputs)
    found = getattr(found, "last_hidden_state", found)
    return found[0] if isinstance(found, tuple) else found


def doing_nothing(block: nn.Module) -> None:
    """By hand: the block hands on what it is given."""
    if isinstance(block, nn.ModuleList):
        for branch in block:
            branch.forward = torch.zeros_like
        return

    def forward(tokens: Tensor, *others: Any, **_: Any) -> Any:
        return (tokens, *others, None) if isinstance(block, PassingOn) else tokens

    block.forward = forward


@pytest.mark.parametrize("kept", [(0, 1), (1, 3), ()])
def test_a_cut_network_does_what_one_with_patched_blocks_does(family: Family, kept: tuple[int, ...]) -> None:
    network = family.make()
    by_hand = copy.deepcopy(network)
    blocks: Any = by_hand.get_submodule(family.blocks)
    for index in set(range(family.num_blocks)) - {*kept}:
        doing_nothing(blocks[index])
    with torch.no_grad():
        found, expected = (output(one, family.inputs) for one in (tf.keep_blocks(network, kept), by_hand))
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_keeping_all_blocks_is_the_identity_and_the_original_is_untouched(family: Family) -> None:
    network = family.make()
    before, parameters = copy.deepcopy(network.state_dict()), list(network.parameters())
    same, smaller = (tf.keep_blocks(network, kept) for kept in (range(family.num_blocks), [0]))
    with torch.no_grad():
        assert torch.equal(output(same, family.inputs), output(network, family.inputs))
        for parameter in (*same.parameters(), *smaller.parameters()):
            parameter.zero_()
    after = network.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert [id(parameter) for parameter in network.parameters()] == [id(parameter) for parameter in parameters]


def test_removed_blocks_have_no_weights_and_all_others_keep_their_names(family: Family) -> None:
    network = family.make()
    smaller = tf.keep_blocks(network, [1])
    gone = tuple(f"{family.blocks}.{index}." for index in range(family.num_blocks) if index != 1)
    assert list(smaller.state_dict()) == [name for name in network.state_dict() if not name.startswith(gone)]
    assert len(smaller.get_submodule(family.blocks)) == family.num_blocks  # type: ignore[arg-type]
    blocks: Any = network.get_submodule(family.blocks)
    saved = sum(
        weight.numel() for index in range(family.num_blocks) if index != 1 for weight in blocks[index].parameters()
    )
    assert tf.count_parameters(smaller).total == tf.count_parameters(network).total - saved


def test_weights_go_through_a_file_into_one_that_is_cut_alike(family: Family, tmp_path: Path) -> None:
    network = family.make()
    trained, fresh = tf.keep_blocks(network, [0, 2]), tf.keep_blocks(network, [0, 2])
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.mul_(1.1)
    save_file({name: tensor.clone() for name, tensor in trained.state_dict().items()}, tmp_path / "weights.safetensors")
    fresh.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    with torch.no_grad():
        assert torch.equal(output(fresh, family.inputs), output(trained, family.inputs))


def test_a_cut_network_trains_in_the_kept_blocks(family: Family) -> None:
    smaller = tf.keep_blocks(family.make().train(), [0])
    blocks: Any = smaller.get_submodule(family.blocks)
    assert all(block.training for block in blocks)
    output(smaller, family.inputs).square().sum().backward()
    assert any(parameter.grad is not None and parameter.grad.any() for parameter in blocks[0].parameters())
    family.make().eval()


def test_a_cut_network_is_copied_pickled_and_cut_again(family: Family) -> None:
    smaller = tf.keep_blocks(family.make(), [0, 3])
    with torch.no_grad():
        expected = output(smaller, family.inputs)
        assert torch.equal(output(copy.deepcopy(smaller), family.inputs), expected)
        assert torch.equal(output(pickle.loads(pickle.dumps(smaller)), family.inputs), expected)
        again, at_once = tf.keep_blocks(smaller, [3]), tf.keep_blocks(family.make(), [3])
        assert torch.equal(output(again, family.inputs), output(at_once, family.inputs))
    with pytest.raises(tf.UserError, match=r"still in the network; found block 1, which was removed before"):
        tf.keep_blocks(smaller, [0, 1])


@pytest.mark.parametrize(
    ("blocks", "found"),
    [([4], "block 4"), ([-1], "block -1"), ([1, 0], "block 0 after 1"), ([2, 2], "block 2 after 2")],
)
def test_a_block_that_is_not_there_is_named(blocks: list[int], found: str) -> None:
    with pytest.raises(tf.UserError, match=f"rising numbers from 0 to 3; found {found}"):
        tf.keep_blocks(encoder(), blocks)


def test_a_decoder_cannot_be_chosen() -> None:
    with pytest.raises(tf.UserError, match="A decoder can be chosen for transunet, cats and unetr"):
        tf.keep_blocks(encoder(), [0], decoder="compressed")
