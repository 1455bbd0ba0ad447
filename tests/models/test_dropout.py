import pytest
import torch

from trimformer.models.dropout import Dropout


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("p", [0.1, 0.5])
def test_the_wanted_share_is_dropped_and_the_rest_makes_up_for_it(p: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    values = torch.ones(1000, 401, dtype=dtype)
    dropped = Dropout(p)(values)
    assert dropped.dtype == dtype
    # Five standard deviations of a share among 401,000 draws.
    assert (dropped == 0).float().mean().item() == pytest.approx(p, abs=5 * (p * (1 - p) / values.numel()) ** 0.5)
    assert dropped[dropped != 0].float().unique().tolist() == pytest.approx([1 / (1 - p)], rel=5e-3)


def test_every_place_is_dropped_as_often_as_its_neighbours() -> None:
    """Four values share one draw, and none of the four is favoured or follows another."""
    torch.manual_seed(0)
    kept = (Dropout(0.1)(torch.ones(100_000, 4)) != 0).double()
    assert (1 - kept.mean(dim=0)).tolist() == pytest.approx([0.1] * 4, abs=0.005)
    correlations = torch.corrcoef(kept.T) - torch.eye(4)
    assert correlations.abs().max() < 0.02


def test_a_gradient_flows_where_a_value_was_kept() -> None:
    values = torch.ones(37, requires_grad=True)
    dropped = Dropout(0.5)(values)
    dropped.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad, dropped.detach())


def test_the_same_seed_drops_the_same_and_evaluation_drops_nothing() -> None:
    values, dropout = torch.randn(5, 7, 3), Dropout(0.3)
    torch.manual_seed(4)
    first = dropout(values)
    torch.manual_seed(4)
    assert torch.equal(dropout(values), first)
    assert dropout.eval()(values) is values
