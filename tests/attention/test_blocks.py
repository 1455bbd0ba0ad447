import copy
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from foreign_networks import (
    HEADS,
    IMAGES,
    NETWORKS,
    WIDTH,
    AsSegmentation,
    OwnBlock,
    OwnNetwork,
    Patches,
    Wrapped,
    foreign,
    traces,
)
from torch import Tensor, nn
from torch.nn import functional as F

from trimformer.attention.recording.record import record_attention
from trimformer.attention.transformer.blocks import find_transformer
from trimformer.models import create_model
from trimformer.records.errors import UserError


@pytest.mark.parametrize("name", NETWORKS)
def test_the_output_projection_and_the_layer_scale_of_each_block_are_found(name: str) -> None:
    network = foreign(name)
    transformer = find_transformer(Wrapped(network), IMAGES)
    assert transformer.names == tuple(f"body.{NETWORKS[name][1]}.{index}" for index in range(2))
    for block in transformer.blocks:
        inside = dict(block.module.named_modules())
        ends = {"blocks": "merge.0" if name == "own" else "attn.proj", "encoder.layers": "self_attn.out_proj"}
        assert block.projection is inside[ends[NETWORKS[name][1]]]
        assert block.tokens_first == (name == "encoder, tokens first")
        if name == "dinov2":
            gamma: Any = inside["ls1"].gamma
            assert torch.equal(block.layer_scale, gamma)  # type: ignore[arg-type]
        else:
            assert block.layer_scale is None


def test_our_own_hybrids_tell_their_blocks_without_being_run() -> None:
    model = create_model("unetr", num_classes=3, num_blocks=2, size="tiny", image_size=32, patch_size=8)
    transformer = find_transformer(model, torch.zeros(1, 7, 5, 5))  # which it could not take
    assert transformer.names == ("blocks.0", "blocks.1")
    assert (transformer.grid.grid_size, transformer.grid.patch_size) == ((4, 4), 8)


class Gate(nn.Module):
    """A softmax that weighs channels and sums nothing over keys."""

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens.softmax(dim=-1) * tokens


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cross = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = self.cross(tokens, tokens, tokens)[0]
        mixed: Tensor = self.cross(tokens, tokens, tokens)[0]
        return tokens + mixed


class Windowed(nn.Module):
    def __init__(self, window: int) -> None:
        super().__init__()
        self.window = window
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        windows = tokens.reshape(-1, 1, self.window, WIDTH)
        mixed: Tensor = self.proj(F.scaled_dot_product_attention(windows, windows, windows).reshape(tokens.shape))
        return mixed


class ReducedKeys(Windowed):
    def forward(self, tokens: Tensor) -> Tensor:
        heads = tokens.unsqueeze(1)
        keys = heads[:, :, ::2]
        return torch.add(tokens, self.proj(F.scaled_dot_product_attention(heads, keys, keys).squeeze(1)))


class Unprojected(nn.Module):
    def forward(self, tokens: Tensor) -> Tensor:
        heads = tokens.unsqueeze(1)
        return F.scaled_dot_product_attention(heads, heads, heads).squeeze(1)


class Stages(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patches = Patches()
        self.first, self.second = nn.ModuleList([OwnBlock()]), nn.ModuleList([OwnBlock()])

    def forward(self, images: Tensor) -> Tensor:
        tokens: Tensor = self.patches(images)
        for block in (*self.first, *self.second):
            tokens = block(tokens=tokens)
        return tokens


class NoSequence(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patches, self.only = Patches(), OwnBlock()

    def forward(self, images: Tensor) -> Tensor:
        tokens: Tensor = self.only(tokens=self.patches(images))
        return tokens


def sequence(*blocks: nn.Module) -> nn.Module:
    return Wrapped(nn.Sequential(Patches(), nn.Sequential(*blocks))).eval()


BOTH = {
    "gates": (sequence(Gate(), Gate()), r"softmax that no such product follows, in body\.1\.0, body\.1\.1"),
    "no attention": (sequence(nn.Linear(WIDTH, WIDTH)), "has transformer blocks; found no attention run in Wrapped"),
    "no attention in ours": (AsSegmentation(Patches()).eval(), "found no attention run in Patches"),
    "two in a block": (sequence(Twice(), Twice()), r"2 attentions in body\.1\.0"),
    "two in the only block": (sequence(Twice()), r"2 attentions in body\.1\.0"),
}


@pytest.mark.parametrize(("network", "message"), BOTH.values(), ids=BOTH)
def test_what_cannot_be_found_is_said_and_leaves_no_trace(network: nn.Module, message: str) -> None:
    with pytest.raises(UserError, match=message):
        find_transformer(network, IMAGES)
    with pytest.raises(UserError, match=message), record_attention(network):
        network(IMAGES)
    assert traces(network) == 0


class Planes(Windowed):
    """Takes (batch, rows, columns, width)."""

    def forward(self, tokens: Tensor) -> Tensor:
        mixed: Tensor = super().forward(tokens.flatten(1, 2)).unflatten(1, (4, 4))
        return mixed


class Listed(Windowed):
    def forward(self, tokens: list[Tensor]) -> list[Tensor]:  # type: ignore[override]
        return [super().forward(tokens[0])]


class Opening(Patches):
    def __init__(self, opened: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.opened = opened

    def forward(self, images: Tensor) -> Any:
        return self.opened(super().forward(images))


def of(opened: Callable[[Tensor], Any], *blocks: nn.Module) -> nn.Module:
    return Wrapped(nn.Sequential(Opening(opened), nn.Sequential(*blocks))).eval()


IN_SEQUENCE = ["body.1.0", "body.1.1"]
UNMEASURABLE: dict[str, tuple[nn.Module, str, list[str]]] = {
    "two sequences": (Stages().eval(), r"attention in first\.0, second\.0", ["first.0", "second.0"]),
    "no sequence": (NoSequence().eval(), "attention in only", ["only"]),
    "fewer keys": (sequence(ReducedKeys(16), ReducedKeys(16)), "8 keys", IN_SEQUENCE),
    "windows of two sizes": (sequence(Windowed(4), Windowed(16)), r"\(4, 1, 4, 24\)", IN_SEQUENCE),
    "planes": (of(lambda tokens: tokens.unflatten(1, (4, 4)), Planes(16), Planes(16)), r"\(1, 4, 4, 24\)", IN_SEQUENCE),
    "lists": (of(lambda tokens: [tokens], Listed(16), Listed(16)), r"tokens \(\)", IN_SEQUENCE),
    "windows": (sequence(Windowed(4), Windowed(4)), "among 4 tokens of .* 4 times an image", IN_SEQUENCE),
    "no projection": (sequence(Unprojected(), Unprojected()), r"none in body\.1\.0", IN_SEQUENCE),
}


@pytest.mark.parametrize(("network", "message", "names"), UNMEASURABLE.values(), ids=UNMEASURABLE)
def test_what_can_be_recorded_but_not_measured_is_said(network: nn.Module, message: str, names: list[str]) -> None:
    with record_attention(network) as recording:
        network(IMAGES)
    assert list(recording.maps) == names
    with pytest.raises(UserError, match=message):
        find_transformer(network, IMAGES)


def test_tokens_that_fit_no_grid_are_said() -> None:
    network = OwnNetwork().eval()
    with pytest.raises(UserError, match="16 tokens of \\(35, 35\\) pixels"):
        find_transformer(network, torch.zeros(1, 3, 35, 35))


def test_a_scripted_network_is_said() -> None:
    with warnings.catch_warnings(action="ignore"):  # newer torch would have it no more
        scripted = torch.jit.script(nn.Sequential(nn.ReLU()))
    with pytest.raises(UserError, match=r"before torch\.jit"), record_attention(nn.Sequential(scripted)):
        pass


class Scaling(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lambda1 = nn.Parameter(torch.rand(WIDTH))

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens * self.lambda1


class Between(Windowed):
    """One window of all tokens, with a module of one vector behind the projection."""

    def __init__(self, behind: nn.Module) -> None:
        super().__init__(window=16)
        self.drop, self.behind = nn.Dropout(0.1), behind

    def forward(self, tokens: Tensor) -> Tensor:
        return torch.add(tokens, self.behind(self.drop(super().forward(tokens))))


@pytest.mark.parametrize(("behind", "found"), [(Scaling(), True), (nn.RMSNorm(WIDTH), False), (nn.PReLU(), False)])
def test_a_vector_behind_the_projection_is_a_layer_scale_where_it_multiplies_the_tokens(
    behind: nn.Module, found: bool
) -> None:
    network = sequence(Between(behind), Between(behind))
    (parameter,) = behind.parameters()
    for block in find_transformer(network, IMAGES).blocks:
        assert (block.layer_scale is not None and torch.equal(block.layer_scale, parameter)) == found


def test_the_transformer_of_a_copy_consists_of_its_own_modules() -> None:
    network = sequence(Between(Scaling()), Between(nn.PReLU()))
    copied = copy.deepcopy(network)
    found = find_transformer(network, IMAGES)
    moved, expected = found.in_copy(network, copied), find_transformer(copied, IMAGES)
    assert moved == expected
    assert not {id(block.module) for block in moved.blocks} & {id(block.module) for block in found.blocks}
    assert moved.blocks[0].layer_scale is not None
    assert moved.blocks[0].layer_scale is not found.blocks[0].layer_scale
