"""Threads, nesting, backward passes and failures: what is recorded is one's own, and nothing stays behind."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from families import built
from foreign_networks import IMAGES, WIDTH, OwnNetwork, foreign, traces
from torch import Tensor, nn
from torch.overrides import _get_current_function_mode_stack
from torch.utils.checkpoint import checkpoint

from trimformer.attention.recording.record import Recording, record_attention
from trimformer.models import create_model
from trimformer.records.errors import UserError


def ours() -> nn.Module:
    return create_model("unetr", num_classes=2, num_blocks=2, size="tiny", image_size=32, patch_size=8).eval()


BUILDERS: dict[str, tuple[Callable[[], nn.Module], Tensor]] = {
    "ours": (ours, IMAGES[:, :1]),
    "fused": (lambda: foreign("vit"), IMAGES),
    "fast path": (lambda: foreign("encoder"), IMAGES),
    "Hugging Face": (lambda: built("Hugging Face ViT, sdpa")[0], IMAGES),
    "windows": (lambda: built("timm Swin, fused")[0], built("timm Swin, fused")[1]),
    "written": (lambda: built("timm ViT, written out")[0], IMAGES),
}
every_network = pytest.mark.parametrize("name", BUILDERS)


def num_images(recording: Recording) -> set[int]:
    return {len(maps) // recording.grids[name].num_windows for name, maps in recording.maps.items()}


def elsewhere(run: Callable[[], object]) -> None:
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


@every_network
def test_what_another_thread_runs_is_not_recorded(name: str) -> None:
    make, images = BUILDERS[name]
    network = make()
    handle = network.register_forward_pre_hook(lambda *_: None)
    begun = threading.Event()

    def run_once_begun() -> None:
        begun.set()
        network(images)

    with record_attention(network) as recording, torch.no_grad():
        network(images[:1])
        middle = list(network.modules())[2].register_forward_hook(
            lambda *_: None if begun.is_set() else elsewhere(run_once_begun)
        )
        network(images[:1])
        middle.remove()
    handle.remove()
    assert num_images(recording) == {2}
    assert traces(network) == 0


@every_network
def test_a_thread_that_records_is_not_disturbed_by_another_that_does(name: str) -> None:
    make, images = BUILDERS[name]
    network, counts = make(), []

    def record(times: int) -> None:
        with record_attention(network) as recording, torch.no_grad():
            for _ in range(times):
                network(images[:1])
        counts.append((times, num_images(recording)))

    with record_attention(network) as outer, torch.no_grad():
        elsewhere(lambda: record(2))
        network(images[:1])
    assert counts == [(2, {2})]
    assert num_images(outer) == {1}
    assert traces(network) == 0


@every_network
def test_recordings_of_one_network_nest(name: str) -> None:
    make, images = BUILDERS[name]
    network = make()
    with record_attention(network) as outer, torch.no_grad():
        network(images[:1])
        with record_attention(network, scores=True, heads=True) as inner:
            network(images[:1])
    for block, maps in inner.maps.items():
        torch.testing.assert_close(outer.maps[block][len(maps) :], maps)
    assert inner.scores.keys() == inner.outputs.keys() == inner.maps.keys()
    assert outer.scores == {}
    assert traces(network) == 0


@every_network
def test_no_hook_and_no_mode_is_left_after_an_exception(name: str) -> None:
    make, images = BUILDERS[name]
    network = make()
    modes = len(_get_current_function_mode_stack())
    with pytest.raises((RuntimeError, ValueError, UserError)), record_attention(network):
        network(torch.cat([images] * 2, dim=1))
    assert traces(network) == 0
    assert len(_get_current_function_mode_stack()) == modes


class Checkpointed(OwnNetwork):
    def forward(self, images: Tensor) -> Tensor:
        tokens: Tensor = self.patches(images)
        for block in self.blocks:
            tokens = checkpoint(block, tokens=tokens, use_reentrant=False)
        return tokens


def test_what_a_backward_pass_runs_again_is_not_recorded_again() -> None:
    network = Checkpointed()
    with record_attention(network) as recording:
        network(IMAGES).sum().backward()
        network(IMAGES[:1]).sum().backward()
    assert [maps.shape[0] for maps in recording.maps.values()] == [3, 3]
    assert network.patches.proj.weight.grad is not None


def test_images_of_another_size_are_an_error() -> None:
    network = OwnNetwork().eval()
    with record_attention(network) as recording:
        network(IMAGES)
        with pytest.raises(UserError, match="have one size"):
            network(torch.zeros(1, 3, 48, 48))
    assert recording.maps["blocks.0"].shape == (2, 3, 16, 16)


class Shared(nn.Module):
    """One block, run twice."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.TransformerEncoderLayer(WIDTH, 3, WIDTH, batch_first=True)

    def forward(self, tokens: Tensor) -> Tensor:
        again: Tensor = self.block(self.block(tokens))
        return again


def test_a_block_that_runs_twice_is_said() -> None:
    network = Shared().eval()
    with pytest.raises(UserError, match=r"2 attentions in block\.self_attn"), record_attention(network):
        network(torch.zeros(1, 5, WIDTH))


def test_a_decoder_is_recorded_attention_by_attention() -> None:
    network = nn.TransformerDecoder(nn.TransformerDecoderLayer(WIDTH, 3, WIDTH, batch_first=True), 2).eval()
    with record_attention(network) as recording, torch.no_grad():
        network(torch.zeros(2, 3, WIDTH), torch.zeros(2, 7, WIDTH))
    assert {name: tuple(maps.shape) for name, maps in recording.maps.items()} == {
        "layers.0.self_attn": (2, 3, 3, 3),
        "layers.0.multihead_attn": (2, 3, 3, 7),
        "layers.1.self_attn": (2, 3, 3, 3),
        "layers.1.multihead_attn": (2, 3, 3, 7),
    }


@pytest.mark.parametrize(
    "name",
    ["timm ViT, written out", "MONAI ViT", "Hugging Face ViT, sdpa", "nn.TransformerEncoder", "timm Swin, fused"],
)
@pytest.mark.parametrize("in_place", [False, True], ids=["wrapped", "in place"])
def test_a_compiled_network_is_recorded_as_it_was_written(name: str, in_place: bool) -> None:
    network, images = built(name)
    with record_attention(network) as plain, torch.no_grad():
        network(images)
    compiled: Any = network
    if in_place:
        network.compile(backend="eager")
    else:
        compiled = torch.compile(network, backend="eager")
    with torch.no_grad():
        compiled(images)  # what is recorded below has been compiled already
        with record_attention(compiled) as recording:
            compiled(images)
    for block, maps in plain.maps.items():
        torch.testing.assert_close(recording.maps[block if in_place else f"_orig_mod.{block}"], maps)
