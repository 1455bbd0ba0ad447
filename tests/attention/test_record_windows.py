from typing import Any

import pytest
import torch
from foreign_networks import traces
from monai.networks.nets import SwinUNETR
from timm.models.levit import Levit
from timm.models.swin_transformer import SwinTransformer
from torch import Tensor, nn
from windowed_reference import middles, window_maps

from trimformer.attention.recording.record import Recording, record_attention

Block = tuple[str, tuple[int, ...], tuple[int, ...], tuple[int, ...], int]
"""Name, token grid, window, shift, and pixels a token."""


def timm_swin() -> nn.Module:
    return SwinTransformer(
        img_size=64, patch_size=4, embed_dim=12, depths=(2, 1), num_heads=(2, 3), window_size=4, num_classes=3
    )


def monai_swin(dims: int, window: int) -> nn.Module:
    return SwinUNETR(
        1, 2, depths=(2, 1, 1, 1), num_heads=(2, 2, 2, 2), feature_size=12, window_size=window, spatial_dims=dims
    )


def swin_layers(dims: int, image: int, window: int) -> list[Block]:
    """The blocks of MONAI's for square images; the second one has its windows shifted."""
    return [
        (
            f"swinViT.layers{stage}.0.blocks.{index}",
            *((size,) * dims for size in (image // 2**stage, window, window // 2 * index)),
            2**stage,
        )
        for stage, index in ((1, 0), (1, 1), (2, 0), (3, 0), (4, 0))
    ]


NETWORKS: dict[str, tuple[Any, tuple[int, ...], list[Block]]] = {
    "timm": (
        timm_swin,
        (2, 3, 64, 64),
        [
            ("layers.0.blocks.0", (16, 16), (4, 4), (0, 0), 4),
            ("layers.0.blocks.1", (16, 16), (4, 4), (2, 2), 4),
            ("layers.1.blocks.0", (8, 8), (4, 4), (0, 0), 8),
        ],
    ),
    "MONAI 2D": (lambda: monai_swin(2, 3), (2, 1, 64, 64), swin_layers(2, 64, 3)),
    "MONAI 3D": (lambda: monai_swin(3, 2), (1, 1, 32, 32, 32), swin_layers(3, 32, 2)),
}
every_network = pytest.mark.parametrize("name", NETWORKS)


def sharpened(network: nn.Module) -> nn.Module:
    with torch.no_grad():
        for key, parameter in network.named_parameters():
            if "qkv" in key or "position_bias" in key or "attention_biases" in key:
                parameter.copy_(0.4 * torch.randn_like(parameter))
    return network.eval()


def recorded(name: str, **options: bool) -> tuple[nn.Module, Tensor, Recording]:
    torch.manual_seed(0)
    make, shape, _ = NETWORKS[name]
    network, images = sharpened(make()), torch.randn(*shape)
    with record_attention(network, **options) as recording, torch.no_grad():
        network(images)
    return network, images, recording


@every_network
def test_tokens_of_shifted_windows_lie_where_they_came_from(name: str) -> None:
    _, _, recording = recorded(name)
    assert list(recording.maps) == [block for block, *_ in NETWORKS[name][2]]
    for block, grid, window, shift, patch in NETWORKS[name][2]:
        places = recording.grids[block]
        assert (places.grid_size, places.patch_size) == (grid, (float(patch),) * len(grid))
        expected = middles(grid, window, shift, patch)
        torch.testing.assert_close(places.query_px, expected, equal_nan=True)
        torch.testing.assert_close(places.key_px, expected, equal_nan=True)


@every_network
def test_maps_of_windows_equal_a_float64_recomputation(name: str) -> None:
    network, images, recording = recorded(name)
    for block, grid, window, shift, _ in NETWORKS[name][2]:
        attention: Any = network.get_submodule(block).attn
        inputs: list[Tensor] = []
        handle = attention.register_forward_pre_hook(lambda _, args, inputs=inputs: inputs.append(args[0]))
        with torch.no_grad():
            network(images)
            expected = window_maps(attention, inputs[0], grid, window, shift)
        handle.remove()
        assert recording.maps[block].shape == expected.shape
        torch.testing.assert_close(recording.maps[block].double(), expected, atol=1e-5, rtol=0)


@every_network
def test_the_output_is_the_same_and_no_trace_is_left(name: str) -> None:
    network, images, _ = recorded(name)
    with torch.no_grad():
        plain = network(images)
        with record_attention(network, scores=True, heads=True):
            again = network(images)
    torch.testing.assert_close(again, plain, atol=1e-5, rtol=0)
    assert traces(network) == 0


def test_fused_windows_lie_where_written_ones_do() -> None:
    network, images, plain = recorded("timm")
    for module in network.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = True  # type: ignore[assignment]
    with record_attention(network) as fused, torch.no_grad():
        network(images)
    for block, places in plain.grids.items():
        torch.testing.assert_close(fused.maps[block], plain.maps[block], atol=1e-5, rtol=0)
        torch.testing.assert_close(fused.grids[block].query_px, places.query_px)


@pytest.mark.parametrize("use_conv", [False, True], ids=["linear", "convolution"])
def test_levit_is_recorded_stage_by_stage_with_its_downsampling(use_conv: bool) -> None:
    torch.manual_seed(0)
    network = sharpened(
        Levit(img_size=112, embed_dim=(16, 24), key_dim=8, depth=(1, 1), num_heads=(2, 3), use_conv=use_conv)
    )
    images = torch.randn(2, 3, 112, 112)
    with record_attention(network) as recording, torch.no_grad():
        network(images)
    shapes = {name: tuple(maps.shape[2:]) for name, maps in recording.maps.items()}
    assert shapes == {
        "stages.0.blocks.0": (49, 49),
        "stages.1.downsample": (16, 49),
        "stages.1.blocks.0": (16, 16),
    }
    down, last = recording.grids["stages.1.downsample"], recording.grids["stages.1.blocks.0"]
    every = torch.cartesian_prod(*[torch.arange(7) * 16.0 + 8] * 2)
    kept = torch.cartesian_prod(*[torch.arange(0, 7, 2) * 16.0 + 8] * 2)
    assert torch.equal(recording.grids["stages.0.blocks.0"].query_px[0], every)
    assert torch.equal(down.key_px[0], every)
    assert torch.equal(down.query_px[0], kept)
    assert torch.equal(last.query_px[0], kept)
    assert (down.grid_size, last.grid_size, last.patch_size) == ((7, 7), (4, 4), (32.0, 32.0))


def test_levit_has_the_maps_of_its_weights() -> None:
    torch.manual_seed(0)
    network = sharpened(Levit(img_size=64, embed_dim=(16,), key_dim=8, depth=(1,), num_heads=(2,)))
    attention: Any = network.get_submodule("stages.0.blocks.0.attn")
    packed: list[Tensor] = []
    handle = attention.qkv.register_forward_hook(lambda *args: packed.append(args[2].double()))
    with record_attention(network) as recording, torch.no_grad():
        network(torch.randn(2, 3, 64, 64))
    handle.remove()
    query, key, _ = packed[0].view(2, 16, 2, -1).transpose(1, 2).split([8, 8, attention.val_dim], dim=-1)
    places = torch.cartesian_prod(torch.arange(4), torch.arange(4))
    apart = (places[:, None] - places[None]).abs()
    bias = attention.attention_biases.detach().double()[:, apart[..., 0] * 4 + apart[..., 1]]
    expected = (query @ key.transpose(-2, -1) / 8**0.5 + bias).softmax(dim=-1)
    (maps,) = recording.maps.values()
    torch.testing.assert_close(maps.double(), expected, atol=1e-5, rtol=0)
