from typing import Any

import pytest
import torch
from torch import Tensor

from trimformer.attention.recording.record import Recording, record_attention
from trimformer.models import SegmentationModel, create_model
from trimformer.records.errors import UserError


def tiny(name: str, num_blocks: int = 2) -> SegmentationModel:
    torch.manual_seed(0)
    return create_model(name, num_classes=3, num_blocks=num_blocks, size="tiny", image_size=64, patch_size=8).eval()


@pytest.fixture(params=["unetr", "cats", "transunet"])
def model(request: pytest.FixtureRequest) -> SegmentationModel:
    return tiny(request.param)


IMAGES = torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(1))


def test_every_block_is_recorded_and_the_output_stays_the_same(model: SegmentationModel) -> None:
    plain = model(IMAGES)
    with record_attention(model) as recording:
        recorded = model(IMAGES)
    assert {name: tuple(maps.shape) for name, maps in recording.maps.items()} == {
        "blocks.0": (2, 3, 64, 64),
        "blocks.1": (2, 3, 64, 64),
    }
    assert (recording.grid_size, recording.patch_size) == ((8, 8), 8)
    torch.testing.assert_close(recorded, plain, atol=1e-5, rtol=0)


def test_maps_equal_a_float64_recomputation(model: SegmentationModel) -> None:
    seen: list[Tensor] = []
    block: Any = model.transformer.blocks[1]
    handle = block.norm1.register_forward_hook(lambda *args: seen.append(args[2].double()))
    with record_attention(model, scores=True) as recording:
        model(IMAGES)
    handle.remove()
    attention = block.attn
    weight, bias = attention.qkv.weight.double(), attention.qkv.bias.double()
    query, key, _ = (seen[0] @ weight.T + bias).view(2, 64, 3, 3, -1).permute(2, 0, 3, 1, 4)
    scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
    torch.testing.assert_close(recording.scores["blocks.1"].double(), scores, atol=1e-5, rtol=0)
    torch.testing.assert_close(recording.maps["blocks.1"].double(), scores.softmax(dim=-1), atol=1e-5, rtol=0)


def test_several_forward_passes_append_their_images() -> None:
    model = tiny("unetr")
    with record_attention(model) as recording:
        model(IMAGES)
        model(IMAGES[:1])
    assert recording.maps["blocks.0"].shape[0] == 3
    torch.testing.assert_close(recording.maps["blocks.0"][2], recording.maps["blocks.0"][0])


def fail_while_recording(model: SegmentationModel, kept: list[Recording]) -> None:
    with record_attention(model) as recording:
        kept.append(recording)
        model(IMAGES)
        raise ZeroDivisionError


def hooks(model: SegmentationModel) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


def test_no_trace_is_left_after_an_exception() -> None:
    model = tiny("unetr")
    kept: list[Recording] = []
    with pytest.raises(ZeroDivisionError):
        fail_while_recording(model, kept)
    assert hooks(model) == 0
    before = {name: maps.clone() for name, maps in kept[0].maps.items()}
    model(IMAGES)
    assert all(torch.equal(kept[0].maps[name], maps) for name, maps in before.items())


def test_recordings_nest() -> None:
    outer_model, inner_model = tiny("unetr"), tiny("unetr", num_blocks=1)
    with record_attention(outer_model) as outer:
        with record_attention(inner_model) as inner:
            inner_model(IMAGES)
        outer_model(IMAGES)
    assert list(inner.maps) == ["blocks.0"]
    assert [maps.shape[0] for maps in outer.maps.values()] == [2, 2]


def test_recording_keeps_the_gradients_of_the_model() -> None:
    model = tiny("unetr")
    with record_attention(model) as recording:
        model(IMAGES).sum().backward()
    block: Any = model.transformer.blocks[0]
    assert block.attn.qkv.weight.grad is not None
    assert not recording.maps["blocks.0"].requires_grad


def test_bf16_attention_is_recorded_in_float32() -> None:
    model = tiny("unetr")
    with record_attention(model) as recording, torch.autocast("cpu", torch.bfloat16):
        model(IMAGES)
    assert recording.maps["blocks.0"].dtype == torch.float32
    torch.testing.assert_close(recording.maps["blocks.0"].sum(dim=-1), torch.ones(2, 3, 64))


def test_a_model_that_was_not_run_is_an_error() -> None:
    with pytest.raises(UserError, match=r"blocks\.0, blocks\.1"), record_attention(tiny("unetr")):
        pass


@pytest.mark.parametrize("model", [tiny("unetr", num_blocks=0), tiny("unet")], ids=["zero blocks", "unet"])
def test_a_model_without_blocks_is_an_error(model: SegmentationModel) -> None:
    with pytest.raises(UserError, match="has transformer blocks"), record_attention(model):
        pass
