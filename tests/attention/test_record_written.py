import pytest
import torch
from foreign_networks import traces
from torch import Tensor
from written_networks import WRITTEN, EagerNetwork, reference, written

from trimformer.attention.profile import profile_attention
from trimformer.attention.recording.record import record_attention

every_network = pytest.mark.parametrize("name", WRITTEN)


@every_network
def test_maps_scores_and_outputs_equal_a_float64_recomputation(name: str) -> None:
    network, images = written(name)
    expected = reference(network, images)
    with record_attention(network, scores=True, heads=True) as recording, torch.no_grad():
        network(images)
    assert list(recording.maps) == [WRITTEN[name][2].format(index) for index in range(len(expected))]
    for block, (scores, values) in zip(recording.maps, expected, strict=True):
        maps = scores.softmax(dim=-1)
        assert recording.maps[block].dtype == torch.float32
        torch.testing.assert_close(recording.maps[block].double(), maps, atol=1e-5, rtol=0)
        torch.testing.assert_close(recording.scores[block].double(), scores, atol=1e-4, rtol=1e-5)
        torch.testing.assert_close(recording.outputs[block].double(), maps @ values, atol=1e-4, rtol=1e-5)


@every_network
def test_every_patch_lies_where_the_image_was_cut(name: str) -> None:
    network, images = written(name)
    with record_attention(network) as recording, torch.no_grad():
        network(images)
    _, _, _, prefix, grid_size, patch_size = WRITTEN[name]
    for places in recording.grids.values():
        assert (places.grid_size, places.num_prefix_tokens, places.num_windows) == (grid_size, prefix, 1)
        assert places.patch_size == tuple(map(float, patch_size))
        patches = places.query_px[0, prefix:].unflatten(0, grid_size)
        for index in torch.cartesian_prod(*map(torch.arange, grid_size)).tolist():
            expected = [(at + 0.5) * side for at, side in zip(index, patch_size, strict=True)]
            assert patches[tuple(index)].tolist() == expected
        assert torch.equal(places.query_px.nan_to_num(-1), places.key_px.nan_to_num(-1))
    assert len(recording.grids) == len(recording.maps)


@every_network
def test_the_output_is_the_same_and_no_trace_is_left(name: str) -> None:
    def run() -> Tensor:
        outputs = network(images)
        tensor: Tensor = outputs[0] if isinstance(outputs, tuple) else outputs
        return tensor

    network, images = written(name)
    with torch.no_grad():
        plain = run()
        with record_attention(network):
            recorded = run()
    torch.testing.assert_close(recorded, plain, atol=1e-5, rtol=0)
    assert traces(network) == 0


def test_reduced_keys_are_recorded_where_they_lie() -> None:
    torch.manual_seed(0)
    network, images = EagerNetwork(reduction=2).eval(), torch.randn(2, 3, 32, 32)
    expected = reference(network, images)
    with record_attention(network) as recording, torch.no_grad():
        network(images)
    for block, (scores, _) in zip(recording.maps, expected, strict=True):
        assert recording.maps[block].shape == (2, 3, 16, 4)
        torch.testing.assert_close(recording.maps[block].double(), scores.softmax(dim=-1), atol=1e-5, rtol=0)
        places = recording.grids[block]
        assert places.grid_size == (4, 4)
        assert places.key_px[0].tolist() == [[8, 8], [8, 24], [24, 8], [24, 24]]
        assert float(places.distances()[0, 0, 0]) == pytest.approx(32**0.5)
        assert float(places.distances((1.0, 2.0))[0, 0, 1]) == pytest.approx((4**2 + 40**2) ** 0.5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_recorded_in_float32(dtype: torch.dtype) -> None:
    network, images = written("eager")
    expected = reference(network, images)
    with record_attention(network) as recording, torch.autocast("cpu", dtype), torch.no_grad():
        network(images)
    for maps, (scores, _) in zip(recording.maps.values(), expected, strict=True):
        assert maps.dtype == torch.float32
        torch.testing.assert_close(maps.sum(dim=-1), torch.ones(maps.shape[:3]))
        assert float((maps - scores.softmax(dim=-1)).abs().mean()) < 0.005


def test_a_network_that_writes_its_attention_out_has_the_profile_of_the_fused_one() -> None:
    network, images = written("timm ViT")
    written_out = profile_attention(network, [images])
    for module in network.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = True  # type: ignore[assignment]
    fused = profile_attention(network, [images])
    for key, array in fused.model.items():
        torch.testing.assert_close(
            torch.from_numpy(written_out.model[key]), torch.from_numpy(array), atol=1e-5, rtol=1e-4, equal_nan=True
        )
