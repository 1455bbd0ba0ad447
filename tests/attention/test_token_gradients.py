import numpy as np
import pytest
import torch
from foreign_networks import IMAGES, WIDTH, OwnNetwork, foreign, traces
from torch import Tensor, nn

from trimformer.attention.measures.token_gradients import FieldSample, sample_field, token_fields
from trimformer.attention.transformer.blocks import find_transformer
from trimformer.attention.transformer.states import run_blocks
from trimformer.records.errors import UserError


def exact(queries: list[list[int]], width: int = WIDTH) -> FieldSample:
    """Every entry of a token's state as a direction of its own."""
    tokens = torch.tensor(queries)
    return FieldSample(tokens, torch.eye(width, dtype=torch.float64).expand(*tokens.shape, -1, -1))


def finite_differences(network: nn.Module, image: Tensor, step: float = 1e-4) -> np.ndarray:
    """(depths, tokens, patches): norm over a token's state of its derivative at every pixel, summed over patches."""
    transformer = find_transformer(network, image)
    pixels = torch.eye(image.numel(), dtype=torch.float64).view(-1, *image.shape[1:]) * step
    sides: list[list[Tensor]] = []
    for sign in (1, -1):
        sides.append([])
        with torch.no_grad():
            run_blocks(network, transformer, image + sign * pixels, lambda _, states: sides[-1].append(states.clone()))
    fields = []
    for above, below in zip(*sides, strict=True):
        norms = ((above - below) / (2 * step)).norm(dim=-1)[:, transformer.grid.num_prefix_tokens :]
        by_pixel = norms.view(3, 4, 8, 4, 8, 16).sum(dim=(0, 2, 4))
        fields.append(by_pixel.flatten(0, 1).T.numpy())
    found = np.stack(fields)
    return np.asarray(found / found.sum(axis=-1, keepdims=True))


@pytest.mark.parametrize("name", ["vit", "encoder, tokens first"])
def test_fields_of_attention_equal_finite_differences_in_every_direction(name: str) -> None:
    network = foreign(name).double().requires_grad_(False)
    queries, images = [[0, 6, 15], [3, 9, 12]], IMAGES.double()
    found = token_fields(network, find_transformer(network, images), images, exact(queries))
    assert found.shape == (3, 2, 3, 16)
    assert traces(network) == 0
    expected = finite_differences(network, images[1:])[:, queries[1]]
    assert found[:, 1].numpy() == pytest.approx(expected, abs=1e-6)


def convolutional() -> OwnNetwork:
    """Sums over 3 x 3 pixels, then over patches of 4; blocks that change nothing."""
    network = OwnNetwork().double().eval()
    network.patches.proj = nn.Sequential(  # type: ignore[assignment]
        nn.Conv2d(1, 1, 3, padding=1, bias=False), nn.Conv2d(1, WIDTH, 4, stride=4, bias=False)
    ).double()
    with torch.no_grad():
        for name, weight in network.named_parameters():
            weight.fill_(1.0 if "proj" in name else 0.0)
    return network.requires_grad_(False)


@pytest.mark.parametrize("num_projections", [None, 1])
def test_the_field_of_convolutions_is_the_one_worked_by_hand_at_every_depth(num_projections: int | None) -> None:
    network, images = convolutional(), torch.randn(1, 1, 32, 32, dtype=torch.float64)
    sample, transformer = exact([[27, 0]]), find_transformer(network, images)
    if num_projections:  # all entries of the state are the same: any direction gives the field
        sample = FieldSample(sample.queries, torch.randn(1, 2, num_projections, WIDTH, dtype=torch.float64))
    found = token_fields(network, transformer, images, sample)
    assert found.shape == (3, 1, 2, 64)
    # Along one axis a patch of 4 sums its own pixels 2, 3, 3, 2 times and one pixel of each neighbour once.
    for depth in range(3):
        inner = found[depth, 0, 0].view(8, 8)
        expected = torch.zeros(8, 8, dtype=torch.float64)
        expected[2:5, 2:5] = torch.tensor([[1, 10, 1], [10, 100, 10], [1, 10, 1]]).double() / 144
        assert inner.numpy() == pytest.approx(expected.numpy(), abs=1e-12)
        corner = found[depth, 0, 1].view(8, 8)
        expected = torch.zeros(8, 8, dtype=torch.float64)
        expected[:2, :2] = torch.tensor([[100, 10], [10, 1]]).double() / 121
        assert corner.numpy() == pytest.approx(expected.numpy(), abs=1e-12)


def test_many_random_directions_come_near_the_exact_field() -> None:
    network, image = foreign("own").requires_grad_(False), IMAGES[:1]
    transformer, queries = find_transformer(network, image), [[6]]
    truth = token_fields(network, transformer, image, exact(queries))
    directions = torch.randn(1, 1, 200, WIDTH, generator=torch.Generator().manual_seed(0))
    found = token_fields(network, transformer, image, FieldSample(torch.tensor(queries), directions))
    # The norm over 200 directions is within 1 / sqrt(400) of its mean, relatively, at every pixel.
    assert found.numpy() == pytest.approx(truth.numpy(), rel=0.1, abs=0.005)
    assert found.numpy() != pytest.approx(truth.numpy(), abs=1e-4)


def test_a_sample_takes_one_token_of_every_stretch_and_follows_from_the_slice_alone() -> None:
    region = torch.zeros(2, 16, dtype=torch.bool)
    region[0, 3:15], region[1, :4] = True, True
    settings = {"tokens_per_slice": 4, "num_projections": 2, "width": 5}
    sample = sample_field(IMAGES, [region, ~region], **settings)
    assert sample.queries.shape == (2, 8)
    assert sample.directions.shape == (2, 8, 2, 5)
    stretches = (sample.queries[0, :4] - 3) // 3
    assert stretches.tolist() == [0, 1, 2, 3]
    assert sample.queries[1, :4].tolist() == [0, 1, 2, 3]
    assert set(sample.queries[0, 4:].tolist()) == {0, 1, 2, 15}
    alone = sample_field(IMAGES[1:], [region[1:], ~region[1:]], **settings)
    assert torch.equal(alone.queries, sample.queries[1:])
    assert torch.equal(alone.directions, sample.directions[1:])
    other = sample_field(IMAGES, [region, ~region], **settings, seed=1)
    assert not torch.equal(other.directions, sample.directions)
    empty = sample_field(IMAGES, [torch.zeros(2, 16, dtype=torch.bool)], **settings)
    assert empty.queries.tolist() == [[0] * 4] * 2


def test_a_state_without_a_gradient_is_an_error() -> None:
    network = foreign("own").requires_grad_(False)
    transformer, sample = find_transformer(network, IMAGES), exact([[0], [0]])
    network.patches.forward = torch.no_grad()(network.patches.forward)  # type: ignore[union-attr]
    with pytest.raises(UserError, match="operations that have a gradient"):
        token_fields(network, transformer, IMAGES, sample)
