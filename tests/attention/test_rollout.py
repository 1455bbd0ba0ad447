import numpy as np
import pytest
import torch
from torch import nn

from trimformer.attention.measures.rollout import half_residual, norm_weighted
from trimformer.attention.transformer.observe import AttentionCall


def attention_call(seed: int = 0) -> AttentionCall:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    projection = nn.Linear(6, 6).double()
    heads = (draw(2, 3, 5, 2), draw(2, 3, 5, 2), draw(2, 3, 5, 2))
    return AttentionCall(*heads, 2**-0.5, index=0, block_input=draw(2, 5, 6), projection=projection)


def test_half_residual_is_the_head_mean_and_the_identity_in_equal_parts() -> None:
    maps = torch.tensor([[[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]]]])
    assert half_residual(maps).tolist() == [[[0.75, 0.25], [0.25, 0.75]]]


def test_norm_weighted_equals_the_norms_of_the_vectors_that_are_added_up() -> None:
    call = attention_call()
    maps = call.maps()
    weight = call.projection.weight.detach().numpy()
    expected = np.zeros((2, 5, 5))
    for b in range(2):
        for i in range(5):
            for j in range(5):
                vector = np.zeros(6)
                for h in range(3):
                    padded = np.zeros(6)
                    padded[2 * h : 2 * h + 2] = call.value[b, h, j].numpy()
                    vector += float(maps[b, h, i, j]) * (weight @ padded)
                if i == j:
                    vector += call.block_input[b, i].numpy()
                expected[b, i, j] = np.linalg.norm(vector)
    expected /= expected.sum(axis=-1, keepdims=True)
    assert norm_weighted(call, maps).detach().numpy() == pytest.approx(expected, rel=1e-9)


def test_rows_of_every_step_sum_to_one() -> None:
    call = attention_call(1)
    for step in (half_residual(call.maps()), norm_weighted(call, call.maps())):
        assert step.sum(dim=-1).detach().numpy() == pytest.approx(1.0)
