"""What is special about attention that a network writes out: half precision, and being measured as the fused one."""

import pytest
import torch
from families import FAMILIES, built, fused
from test_record_families import case

from trimformer.attention.profile import profile_attention
from trimformer.attention.recording.record import record_attention


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["timm ViT, written out", "MONAI ViT"])
def test_half_precision_is_recorded_in_float32(name: str, dtype: torch.dtype) -> None:
    found = case(name)
    with record_attention(found.network) as recording, torch.autocast("cpu", dtype), torch.no_grad():
        found.network(found.images)
    for maps, (scores, _) in zip(recording.maps.values(), found.expected, strict=True):
        assert maps.dtype == torch.float32
        torch.testing.assert_close(maps.sum(dim=-1), torch.ones(maps.shape[:3]))
        assert float((maps - scores.softmax(dim=-1)).abs().mean()) < 0.005


def test_distances_to_reduced_keys_are_those_of_their_places() -> None:
    network, images = built("timm LeViT")
    with record_attention(network) as recording, torch.no_grad():
        network(images)
    places = recording.grids["stages.1.downsample"]  # query 1 stands at (8, 40), key 7 at (24, 8)
    assert (places.grid_size, places.patch_size) == ((7, 7), (16.0, 16.0))
    assert float(places.distances()[0, 1, 7]) == pytest.approx((16**2 + 32**2) ** 0.5)
    assert float(places.distances((1.0, 2.0))[0, 1, 7]) == pytest.approx((16**2 + 64**2) ** 0.5)


def test_a_network_that_writes_its_attention_out_has_the_profile_of_the_fused_one() -> None:
    network, images = built("timm ViT, written out")
    assert FAMILIES["timm ViT, written out"].grid == FAMILIES["timm ViT, fused"].grid
    written_out = profile_attention(network, [images])
    as_fused = profile_attention(fused(network, True), [images])
    for key, array in as_fused.model.items():
        expected = torch.from_numpy(array)
        torch.testing.assert_close(
            torch.from_numpy(written_out.model[key]), expected, atol=1e-5, rtol=1e-4, equal_nan=True
        )
