import numpy as np
import pytest
import torch

from trimformer.attention.measures.geometry import Region, token_distances
from trimformer.attention.measures.region_sums import RegionSums, joined


def test_the_sums_of_two_regions_are_those_over_pairs() -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(2, 3, 12, 12, generator=generator, dtype=torch.float64)
    maps[0, 0, 1] = 0
    maps[0, 0, 1, 2] = 1
    some = torch.ones(2, 12, dtype=torch.bool)
    some[0, :3] = False
    some[1, 9] = False
    pixels, millimetres = token_distances((3, 4), (8.0, 8.0)), token_distances((3, 4), (4.0, 6.0))
    regions = [Region.of(tokens, pixels, millimetres) for tokens in (some, torch.ones_like(some))]
    for region, sums in zip(regions, RegionSums(regions)(maps), strict=True):
        for image in range(2):
            keys = region.tokens[image].nonzero()[:, 0].tolist()
            rows = []
            for head in range(3):
                attention = maps[image, head].numpy()
                for query in keys:
                    others = [key for key in keys if key != query]
                    far = [key for key in others if region.far[image, query, key]]
                    expected = {
                        "others": sum(attention[query, key] for key in others),
                        "distance_px": sum(attention[query, key] * float(pixels[query, key]) for key in others),
                        "distance_mm": sum(attention[query, key] * float(millimetres[query, key]) for key in others),
                        "far": sum(attention[query, key] for key in far),
                        "mass": sum(attention[query, key] for key in keys),
                        "diagonal": attention[query, query],
                        "plogp": sum(a * np.log(a) for key in keys if (a := attention[query, key]) > 0),
                    }
                    found = {name: float(getattr(sums, name)[image, head, query]) for name in expected}
                    assert found == pytest.approx(expected)
                kept = attention[np.ix_(keys, keys)]
                rows.append((kept / kept.sum(axis=1, keepdims=True)).mean(axis=0))
            assert sums.mean_row[image][:, keys].numpy() == pytest.approx(np.array(rows))
            assert float(sums.mean_row[image].sum()) == pytest.approx(3)


def test_without_entropy_the_rest_is_the_same() -> None:
    maps = torch.rand(1, 2, 9, 9, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    distances = token_distances((3, 3), (8.0, 8.0))
    sums = RegionSums([Region.of(torch.ones(1, 9, dtype=torch.bool), distances, distances)])
    (with_entropy,), (without,) = sums(maps), sums(maps, entropy=False)
    assert torch.equal(with_entropy.far, without.far)
    assert torch.equal(with_entropy.mean_row, without.mean_row)
    assert (without.plogp == 0).all()


def test_parts_of_images_and_blocks_are_joined_to_the_sums_of_all() -> None:
    maps = torch.rand(3, 4, 9, 9, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    distances, tokens = token_distances((3, 3), (8.0, 8.0)), torch.ones(3, 9, dtype=torch.bool)
    tokens[1, 4] = False
    sums = RegionSums([Region.of(each, distances, distances) for each in (tokens, torch.ones_like(tokens))])
    blocks = maps.split(2, dim=1)
    parts = [[sums.parts(block[i : i + 1], slice(i, i + 1)) for i in range(3)] for block in blocks]
    for of_parts, whole in zip(sums.of_parts(joined(parts)), sums(maps), strict=True):
        for name, expected in vars(whole).items():
            assert getattr(of_parts, name).numpy() == pytest.approx(expected.numpy(), rel=1e-12), name
