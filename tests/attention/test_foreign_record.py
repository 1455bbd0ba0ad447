from collections.abc import Callable
from contextlib import nullcontext

import pytest
import torch
from foreign_networks import (
    IMAGES,
    NETWORKS,
    WIDTH,
    AsSegmentation,
    OwnNetwork,
    Wrapped,
    foreign,
    reference_maps,
    traces,
)
from torch import Tensor, nn

from trimformer.attention.recording.record import record_attention
from trimformer.attention.transformer.blocks import find_transformer
from trimformer.attention.transformer.token_grid import TokenGrid
from trimformer.models import create_model
from trimformer.records.errors import UserError

every_network = pytest.mark.parametrize("name", NETWORKS)


@every_network
def test_with_gradients_too_maps_equal_a_float64_recomputation(name: str) -> None:
    network, (_, path, prefix) = foreign(name), NETWORKS[name]
    with record_attention(network) as recording:
        network(IMAGES)
    assert list(recording.maps) == [f"{path}.0", f"{path}.1"]
    assert (recording.grid_size, recording.patch_size, recording.num_prefix_tokens) == ((4, 4), 8, prefix)
    for maps, expected in zip(recording.maps.values(), reference_maps(network, IMAGES), strict=True):
        assert maps.shape == (2, 3, prefix + 16, prefix + 16)
        assert not maps.requires_grad
        torch.testing.assert_close(maps.double(), expected, atol=1e-5, rtol=0)


@every_network
@pytest.mark.parametrize("depth", [1, 2])
def test_blocks_are_found_inside_wrappers(name: str, depth: int) -> None:
    network = foreign(name)
    expected = reference_maps(network, IMAGES)
    wrapped: nn.Module = Wrapped(network) if depth == 1 else nn.Sequential(Wrapped(network), nn.Identity())
    with record_attention(wrapped) as recording:
        wrapped(IMAGES)
    path = ("body." if depth == 1 else "0.body.") + NETWORKS[name][1]
    assert list(recording.maps) == [f"{path}.0", f"{path}.1"]
    torch.testing.assert_close(recording.maps[f"{path}.1"].double(), expected[1], atol=1e-5, rtol=0)


@every_network
def test_blocks_are_found_inside_a_segmentation_model_that_calls_parts_of_the_network(name: str) -> None:
    model = AsSegmentation(foreign(name)).eval()
    with record_attention(model) as recording:
        model(IMAGES[:, :1])
    assert list(recording.maps) == [f"network.{NETWORKS[name][1]}.{index}" for index in range(2)]
    assert (recording.grid_size, recording.num_prefix_tokens) == ((4, 4), NETWORKS[name][2])


@pytest.mark.parametrize("others", [[], [nn.Identity()]], ids=["alone", "with others"])
def test_one_block_is_the_member_of_equal_members_that_takes_tokens(others: list[nn.Module]) -> None:
    network = nn.Sequential(OwnNetwork(num_blocks=1), *others).eval()
    with record_attention(network) as recording:
        network(IMAGES)
    assert list(recording.maps) == ["0.blocks.0"]


def test_several_passes_append_and_a_failed_pass_leaves_nothing() -> None:
    network = foreign("vit")
    with record_attention(network) as recording:
        network(IMAGES)
        with pytest.raises(AssertionError):
            network(torch.zeros(1, 3, 40, 40))
        network(IMAGES[:1])
    assert recording.maps["blocks.1"].shape[0] == 3
    torch.testing.assert_close(recording.maps["blocks.1"][2], recording.maps["blocks.1"][0])


class FailsAtTheEnd(OwnNetwork):
    def forward(self, images: Tensor) -> Tensor:
        tokens = super().forward(images)
        if images.isnan().any():
            raise ZeroDivisionError
        return tokens


def test_no_trace_is_left_after_an_exception_inside_the_network() -> None:
    network = FailsAtTheEnd()
    with pytest.raises(ZeroDivisionError), record_attention(network):
        network(IMAGES * torch.nan)
    assert traces(network) == 0
    assert torch.backends.mha.get_fastpath_enabled()


def test_a_pass_that_failed_after_its_attention_is_not_recorded() -> None:
    network = FailsAtTheEnd()
    with record_attention(network) as recording:
        with pytest.raises(ZeroDivisionError):
            network(IMAGES * torch.nan)
        network(IMAGES[:1])
    assert [maps.shape[0] for maps in recording.maps.values()] == [1, 1]


def ours() -> nn.Module:
    return create_model("unetr", num_classes=2, num_blocks=2, size="tiny", image_size=32, patch_size=8)


@pytest.mark.parametrize(
    ("make", "path"), [(ours, "transformer.blocks.0.attn.proj"), (FailsAtTheEnd, "blocks.1.merge")]
)
def test_after_a_failed_pass_the_attention_of_another_network_is_not_recorded(
    make: Callable[[], nn.Module], path: str
) -> None:
    network = make()
    images = IMAGES[:1, :1] if make is ours else IMAGES[:1]
    with record_attention(network) as recording:
        failing = network.get_submodule(path).register_forward_hook(lambda *_: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            network(images)
        failing.remove()
        recording.maps.clear()
        foreign("vit")(IMAGES)
        network(images)
    assert [tuple(maps.shape) for maps in recording.maps.values()] == [(1, 3, 16, 16)] * 2


def test_blocks_called_one_by_one_are_recorded_too() -> None:
    network = foreign("own")
    with record_attention(network) as recording:
        tokens = network.get_submodule("patches")(IMAGES)
        for index in range(2):
            tokens = network.get_submodule(f"blocks.{index}")(tokens=tokens)
    assert list(recording.maps) == ["blocks.0", "blocks.1"]
    assert recording.grid_size == (4, 4)


def test_recording_keeps_the_gradients_and_the_random_numbers_of_a_network_in_training() -> None:
    outputs = []
    for recorded in (False, True):
        network = foreign("own").train()
        torch.manual_seed(3)
        with record_attention(network) if recorded else nullcontext():
            outputs.append(network(IMAGES))
        outputs[-1].sum().backward()
        assert all(parameter.grad is not None for parameter in network.parameters())
    assert torch.equal(*outputs)


def test_attention_on_no_grid_is_recorded_without_one() -> None:
    encoder = foreign("encoder").get_submodule("encoder")
    with record_attention(encoder) as recording:
        encoder(torch.zeros(2, 13, WIDTH))
    assert {name: tuple(maps.shape) for name, maps in recording.maps.items()} == {
        "layers.0": (2, 3, 13, 13),
        "layers.1": (2, 3, 13, 13),
    }
    assert recording.grid_size is None


def test_bf16_attention_is_recorded_in_float32() -> None:
    for name in ("vit", "encoder"):
        network = foreign(name)
        with record_attention(network) as recording, torch.autocast("cpu", torch.bfloat16):
            network(IMAGES)
        for maps, expected in zip(recording.maps.values(), reference_maps(network, IMAGES), strict=True):
            assert maps.dtype == torch.float32
            torch.testing.assert_close(maps.sum(dim=-1), torch.ones(maps.shape[:3]))
            assert float((maps - expected).abs().mean()) < 0.003


def test_a_grid_that_is_told_goes_before_what_was_seen() -> None:
    network = foreign("vit")
    with record_attention(network, grid=TokenGrid((4, 4), (2, 2), 1)) as recording:
        network(IMAGES)
    assert (recording.grid_size, recording.patch_size, recording.num_prefix_tokens) == ((4, 4), 2, 1)
    assert recording.grids["blocks.1"].query_px[0, 1:3].tolist() == [[1, 1], [1, 3]]
    assert find_transformer(network, IMAGES, TokenGrid((4, 4), (2, 2), 1)).grid.patch_sizes == (2, 2)


def test_a_grid_that_holds_other_tokens_is_an_error() -> None:
    network, grid = foreign("vit"), TokenGrid((4, 4), (8, 8))
    with pytest.raises(UserError, match="16 of TokenGrid"), record_attention(network, grid=grid):
        network(IMAGES)
    with pytest.raises(UserError, match=r"for a grid of \(4, 4\) with 0 in front"):
        find_transformer(network, IMAGES, grid)
    assert traces(network) == 0


def test_tokens_that_come_from_nowhere_lie_where_the_caller_says() -> None:
    encoder = foreign("encoder").get_submodule("encoder")
    with record_attention(encoder, grid=TokenGrid((3, 2, 2), (4, 8, 8), 1)) as recording:
        encoder(torch.zeros(2, 13, WIDTH))
    assert (recording.grid_size, recording.patch_size) == ((3, 2, 2), (4, 8, 8))
    assert recording.grids["layers.1"].query_px[0, -1].tolist() == [10, 12, 12]
    assert float(recording.grids["layers.0"].distances((2.0, 1.0, 1.0))[0, 1, 5]) == 8
