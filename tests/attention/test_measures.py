import math

import brute_force
import numpy as np
import pytest
import torch
from torch import Tensor

from trimformer.attention.measures.geometry import Region, token_distances
from trimformer.attention.measures.region_measures import RegionMeasures
from trimformer.attention.measures.rollout import half_residual

GRID = (14, 14)


def region(
    tokens: Tensor | None = None, grid: tuple[int, int] = GRID, token_mm: tuple[float, float] = (16.0, 16.0)
) -> Region:
    tokens = torch.ones(1, grid[0] * grid[1], dtype=torch.bool) if tokens is None else tokens
    return Region.of(tokens, token_distances(grid, (16.0, 16.0)), token_distances(grid, token_mm))


def gaussian(sigma: float, grid: tuple[int, int] = GRID) -> Tensor:
    """Attention that falls with the distance in tokens: (1, 1, N, N)."""
    return (-token_distances(grid, (1.0, 1.0)).square() / (2 * sigma**2)).softmax(dim=-1)[None, None]


def uniform(tokens: int = 196) -> Tensor:
    return torch.full((1, 1, tokens, tokens), 1 / tokens, dtype=torch.float64)


def random_maps(seed: int, heads: int = 2, tokens: int = 20) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (3 * torch.randn(2, heads, tokens, tokens, generator=generator, dtype=torch.float64)).softmax(dim=-1)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("masked", [False, True])
def test_every_measure_equals_a_sum_over_pairs(seed: int, masked: bool) -> None:
    grid, token_mm = (4, 5), (3.0, 4.5)
    maps = random_maps(seed)
    tokens = torch.ones(2, 20, dtype=torch.bool)
    if masked:
        tokens[0, [0, 3, 7, 19]] = False
        tokens[1, 10:] = False
    values = RegionMeasures(region(tokens, grid, token_mm))(maps)
    for image in range(2):
        chosen = tokens[image].nonzero()[:, 0].tolist()
        pixels, millimetres = brute_force.positions(4, 5, 16, 16), brute_force.positions(4, 5, *token_mm)
        px, mm = [pixels[i] for i in chosen], [millimetres[i] for i in chosen]
        for head in range(2):
            attention = brute_force.restricted(maps[image, head].numpy(), chosen)
            expected = {
                "distance_px": brute_force.mean_distance(attention, px),
                "distance_mm": brute_force.mean_distance(attention, mm),
                "distance_ratio": brute_force.distance_ratio(attention, mm),
                "far_field_ratio": np.mean(brute_force.far_ratios(attention, mm)),
                "mixing": 1 - np.mean(np.diag(attention)),
                "entropy": brute_force.normalised_entropy(attention),
                "query_key_information": brute_force.query_key_information(attention),
                "sink_ratio": brute_force.sink_ratio(attention),
            }
            found = {name: float(value[image, head]) for name, value in values.items()}
            assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("masked", [False, True])
def test_field_measures_equal_a_sum_over_pairs(masked: bool) -> None:
    field = random_maps(7, heads=1)[:, 0]
    field[:, :, 11] += 2.0  # a sink
    field /= field.sum(dim=-1, keepdim=True)
    tokens = torch.ones(2, 20, dtype=torch.bool)
    if masked:
        tokens[:, :4] = False
    values = RegionMeasures(region(tokens, (4, 5)))(field[:, None]) | RegionMeasures(region(tokens, (4, 5))).field(
        field
    )
    chosen = tokens[0].nonzero()[:, 0].tolist()
    points = [brute_force.positions(4, 5, 16, 16)[i] for i in chosen]
    for image in range(2):
        attention = brute_force.restricted(field[image].numpy(), chosen)
        columns = attention.sum(axis=0)
        sinks = frozenset(np.flatnonzero(columns > 5 * np.median(columns)).tolist())
        assert sinks == {chosen.index(11)}
        ratios = brute_force.far_ratios(attention, points)
        without = brute_force.far_ratios(attention, points, sinks)
        assert float(values["far_field_ratio"][image]) == pytest.approx(np.mean(ratios))
        assert float(values["far_query_share"][image]) == pytest.approx(np.mean(np.array(ratios) >= 0.25))
        assert float(values["far_field_ratio_without_sinks"][image]) == pytest.approx(np.mean(without))


def test_uniform_attention_has_the_known_distances() -> None:
    distances = token_distances(GRID, (16.0, 16.0))
    values = RegionMeasures(region())(uniform())
    assert float(values["distance_px"]) == pytest.approx(116.5, abs=0.05)
    assert float(distances.sum() / (196 * 195)) == pytest.approx(117.1, abs=0.05)
    assert float(distances[0].mean()) == pytest.approx(161.0, abs=0.05)
    assert float(distances[7 * 14 + 7].mean()) == pytest.approx(86.0, abs=0.5)


def test_uniform_attention_is_one_in_every_ratio() -> None:
    values = RegionMeasures(region())(uniform())
    for name in ("distance_ratio", "far_field_ratio", "entropy", "sink_ratio"):
        assert float(values[name]) == pytest.approx(1.0)
    assert float(values["query_key_information"]) == pytest.approx(0.0, abs=1e-6)
    assert float(values["mixing"]) == pytest.approx(195 / 196)


@pytest.mark.parametrize(("sigma", "expected"), [(1.0, 0.03), (3.0, 0.69)])
def test_gaussian_attention_rolled_out_over_twelve_blocks_has_the_known_far_field(
    sigma: float, expected: float
) -> None:
    step = half_residual(gaussian(sigma))
    field = torch.linalg.matrix_power(step, 12)
    assert float(RegionMeasures(region()).field(field)["far_field_ratio"]) == pytest.approx(expected, abs=0.005)


def test_a_corner_sink_looks_global_until_it_is_removed() -> None:
    field = 0.3 * gaussian(1.0)[:, 0]
    field[:, :, 0] += 0.7
    values = RegionMeasures(region()).field(field)
    assert float(values["far_field_ratio"]) == pytest.approx(1.16, abs=0.005)
    assert float(values["far_field_ratio_without_sinks"]) == pytest.approx(0.0, abs=0.005)


def test_attention_to_itself_alone_is_local_and_mixes_nothing() -> None:
    identity = torch.eye(196, dtype=torch.float64)[None, None]
    values = RegionMeasures(region())(identity)
    assert float(values["far_field_ratio"]) == 0
    assert float(values["mixing"]) == pytest.approx(0)
    assert float(values["distance_mm"]) == 0


def test_all_attention_on_one_key_holds_no_query_key_information() -> None:
    sink = torch.zeros(1, 1, 196, 196, dtype=torch.float64)
    sink[..., 5] = 1
    assert float(RegionMeasures(region())(sink)["query_key_information"]) == 0


def test_every_query_to_its_own_key_holds_all_query_key_information() -> None:
    permutation = torch.eye(196, dtype=torch.float64).roll(1, dims=1)[None, None]
    assert float(RegionMeasures(region())(permutation)["query_key_information"]) == pytest.approx(1.0)


def test_a_slice_with_too_few_tokens_has_no_values() -> None:
    tokens = torch.zeros(1, 196, dtype=torch.bool)
    tokens[0, :7] = True
    values = RegionMeasures(region(tokens))(uniform())
    assert all(math.isnan(float(value)) for value in values.values())


def test_uniform_attention_is_measured_without_its_maps() -> None:
    tokens = torch.ones(2, 20, dtype=torch.bool)
    tokens[1, :7] = False
    measures = RegionMeasures(region(tokens, (4, 5), (3.0, 4.5)))
    expected, found = measures(uniform(20).expand(2, -1, -1, -1)), measures.uniform()
    assert found.keys() == expected.keys()
    for name, values in found.items():
        assert values.numpy() == pytest.approx(expected[name][:, 0].numpy(), abs=1e-6), name


def test_the_measures_of_one_slice_are_repeated_for_slices_that_are_alike() -> None:
    one, maps = region(grid=(4, 5)), random_maps(0)
    repeated, each = RegionMeasures(one).repeated(2)(maps), RegionMeasures(one)
    for image in range(2):
        for name, values in each(maps[image : image + 1]).items():
            assert torch.equal(values[0], repeated[name][image]), name
